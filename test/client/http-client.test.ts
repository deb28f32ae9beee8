import assert from 'node:assert/strict';
import { pauseMs, readRetryAfter } from '../../src/client/backoff.ts';
import { type FollowOptions, follow, type Step } from '../../src/client/follow.ts';
import { HttpClient, isUnreachable, NoAnswerError, RefusedError } from '../../src/client/http-client.ts';
import type { GetUpdatesResponse, ItemAnswer } from '../../src/protocol/get-updates.ts';
import { FakeClock, settle } from '../support/clocks.ts';

type Reply =
  | Partial<GetUpdatesResponse>
  | Error
  | { readonly status: number; readonly code: string; readonly retry?: string };

function toResponse(reply: Reply): Response {
  if (reply instanceof Error) throw reply;
  if ('status' in reply) {
    const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
    if (reply.retry !== undefined) headers['Retry-After'] = reply.retry;
    return Response.json({ code: reply.code, detail: 'why' }, { status: reply.status, headers });
  }
  return Response.json({ marker: 'm', epoch: 'e', upToDate: true, changesRemaining: 0, items: [], ...reply });
}

/** A client whose server gives these replies one after another. */
function scripted(replies: readonly Reply[]) {
  const clock = new FakeClock();
  const asked: { readonly url: string; readonly body: unknown; readonly at: number }[] = [];
  const client = new HttpClient({
    url: 'http://server/',
    clock,
    fraction: () => 0,
    fetch: async (url, init) => {
      asked.push({ url: String(url), body: init?.body, at: clock.monotonic() });
      const reply = replies[asked.length - 1];
      assert.ok(reply !== undefined, 'one request too many');
      return toResponse(reply);
    },
  });
  return { client, clock, asked };
}

function item(id: string, version: number): ItemAnswer {
  return { id, kind: 'register', version, durableVersion: 0, updatedAt: '', value: version };
}

/** The first steps of following a space, time passing as asked. */
async function steps(replies: readonly Reply[], count: number, options: FollowOptions = {}) {
  const { client, clock, asked } = scripted(replies);
  const taken: Step[] = [];
  let done = false;
  const running = (async () => {
    for await (const step of follow(client, 's', options)) if (taken.push(step) === count) return;
  })().finally(() => {
    done = true;
  });
  running.catch(() => undefined);
  while (!done) {
    await settle();
    clock.advance(100);
  }
  await running;
  return { taken, asked };
}

const ids = (step: Step | undefined) => step?.items.map(({ id }) => id);

describe('pauses between tries', () => {
  it('[CL10] grow, end at 15 s, obey Retry-After, and vary', () => {
    assert.deepEqual(
      [0, 1, 2, 20].map((failures) => pauseMs(failures, undefined, 0)),
      [250, 500, 1_000, 15_000],
    );
    assert.equal(pauseMs(9, 3_000, 0), 3_000);
    assert.equal(pauseMs(0, 1_000, 0.8), 1_200);
    assert.deepEqual(['7', ' 2 ', '-1', 'soon', '', null].map(readRetryAfter), [
      7_000,
      2_000,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('HttpClient', () => {
  const request = { clientId: 'c', seq: 1, updates: [{ item: 'a', op: { set: 1 } }] };

  it('[CL22] sends its token in the header of every request, never in the URL', async () => {
    const sent: { readonly url: string; readonly authorization: string | null }[] = [];
    const client = new HttpClient({
      url: 'http://server',
      token: 'my-token',
      fetch: async (url, init) => {
        sent.push({ url: String(url), authorization: new Headers(init?.headers).get('Authorization') });
        return Response.json({}, { headers: { ETag: '"1"' } });
      },
    });
    await client.postUpdate('s', { updates: [] });
    await client.getUpdates('s', { marker: 'm' });
    await client.getItem('s', 'a');
    assert.deepEqual(
      sent.map(({ authorization }) => authorization),
      ['Bearer my-token', 'Bearer my-token', 'Bearer my-token'],
    );
    assert.ok(sent.every(({ url }) => !url.includes('my-token')));
  });

  it('[CL11] sends a numbered request again, unchanged, until it is answered', async () => {
    const lost = new TypeError('socket hang up');
    const { client, clock, asked } = scripted([lost, { status: 503, code: 'recovering', retry: '2' }, {}]);
    const posted = client.postUntilAnswered('s', request);
    for (let i = 0; i < 30; i++) {
      await settle();
      clock.advance(100);
    }
    await posted;
    assert.deepEqual(
      asked.map(({ at }) => at),
      [0, 300, 2_300],
    );
    assert.equal(new Set(asked.map(({ body }) => body)).size, 1);
  });

  it('[CL11] does not send again what the server will not have, nor where no server is, or another one', async () => {
    const refused = scripted([{ status: 400, code: 'badId' }]);
    await assert.rejects(refused.client.postUntilAnswered('s', request), (error) => {
      return error instanceof RefusedError && error.code === 'badId' && error.status === 400;
    });
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const nobody = scripted([new TypeError('fetch failed', { cause: new AggregateError([cause, cause]) })]);
    await assert.rejects(nobody.client.postUntilAnswered('s', request), (error) => {
      return error instanceof NoAnswerError && isUnreachable(error);
    });
    const another = scripted([{ status: 404, code: 5 as unknown as string }]);
    await assert.rejects(another.client.postUntilAnswered('s', request), (error) => {
      return error instanceof RefusedError && error.code === 'unknown' && error.status === 404;
    });
  });
});

describe('follow', () => {
  it('[CL12] goes on from each marker and drops versions it has', async () => {
    const replies = [
      { marker: 'm1', items: [item('a', 3)] },
      { marker: 'm2', items: [item('a', 3), item('b', 1)] },
      { items: [item('a', 2)] },
    ];
    const { taken, asked } = await steps(replies, 3);
    assert.deepEqual(taken.map(ids), [['a'], ['b'], []]);
    assert.deepEqual(
      asked.map(({ url }) => url.split('?')[1]),
      [undefined, 'marker=m1', 'marker=m2'],
    );
  });

  it('[CL13] after a reset drops what the snapshot did not name, when its last page has come', async () => {
    const replies: Reply[] = [
      { items: [item('a', 1), item('b', 1), item('c', 1)] },
      { mustReset: { reason: 'epoch' }, items: [item('a', 5)], upToDate: false, changesRemaining: 1 },
      { items: [item('c', 1)] },
    ];
    const { taken } = await steps(replies, 3);
    assert.deepEqual(
      taken.map(({ gone }) => gone),
      [[], [], ['b']],
    );
    assert.deepEqual(taken.map(ids), [['a', 'b', 'c'], ['a'], []]);
  });

  it('[CL13] a deleted item does not come back with an old version', async () => {
    const deleted: ItemAnswer = {
      id: 'a',
      kind: 'register',
      version: 4,
      durableVersion: 4,
      updatedAt: '',
      deleted: true,
    };
    const { taken } = await steps([{ items: [item('a', 3)] }, { items: [deleted] }, { items: [item('a', 3)] }], 3);
    assert.deepEqual(taken.map(ids), [['a'], ['a'], []]);
  });

  it('[CL14] waits out failures that may pass, as long as the server asks', async () => {
    const troubles: unknown[] = [];
    const replies: Reply[] = [
      {},
      new TypeError('gone'),
      { status: 503, code: 'stopping', retry: '3' },
      { items: [item('a', 1)] },
    ];
    const { taken, asked } = await steps(replies, 2, { onTrouble: (error) => troubles.push(error) });
    assert.equal(taken.length, 2);
    assert.equal(troubles.length, 2);
    const [, second = 0, third = 0, fourth = 0] = asked.map(({ at }) => at);
    assert.ok(third - second >= 250 && fourth - third >= 3_000);
  });

  it('[CL15] gives up a marker that the server no longer takes, for a snapshot', async () => {
    const replies: Reply[] = [
      { items: [item('a', 1), item('b', 1)] },
      { status: 400, code: 'badMarker' },
      { items: [item('b', 1)] },
    ];
    const { taken, asked } = await steps(replies, 2);
    assert.equal(asked[2]?.url, 'http://server/v1/spaces/s/updates');
    assert.deepEqual(taken[1]?.gone, ['a']);
  });

  it('[CL16] slows down when it is reset again and again', async () => {
    const reset: Reply = { mustReset: { reason: 'tooOld' } };
    const { asked } = await steps([reset, reset, reset, reset, {}], 5);
    const [, , third = 0, fourth = 0, fifth = 0] = asked.map(({ at }) => at);
    assert.ok(fourth - third < 1_000);
    assert.ok(fifth - fourth >= 15_000);
  });

  it('[CL14] ends with a failure that will not pass', async () => {
    await assert.rejects(steps([{ status: 404, code: 'notFound' }], 1), RefusedError);
  });
});
