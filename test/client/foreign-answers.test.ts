import assert from 'node:assert/strict';
import { type ConnectOptions, connect, RefusedError, type Space } from '../../src/client/connect.ts';
import { mayRetry } from '../../src/client/errors.ts';
import { HttpClient } from '../../src/client/http-client.ts';
import { FakeClock } from '../support/clocks.ts';
import { SPACE, TransportWorld, until } from '../support/transport-world.ts';
import { World } from './world.ts';

type Asked = { readonly method: string; readonly path: string };

const HTML = { headers: { 'Content-Type': 'text/html' } };
const JSON_TYPE = { headers: { 'Content-Type': 'application/json' } };
const PAGE = '<!doctype html><title>Not ours</title>\n\n';
/** What proxies, portals and other servers say. */
const FOREIGN: readonly (() => Response)[] = [
  ...[400, 401, 403, 404, 405, 409, 410, 422, 423].map((status) => () => new Response(PAGE, { status, ...HTML })),
  () => new Response('{"code":"NotFound","message":"no such route"}', { status: 404, ...JSON_TYPE }),
  () => new Response('{"code":5}', { status: 404, headers: { 'Content-Type': 'application/problem+json' } }),
  () => new Response('null', { status: 404, headers: { 'Content-Type': 'application/problem+json' } }),
  () => new Response(PAGE, HTML),
  () => new Response('{}', JSON_TYPE),
  () => new Response('null', JSON_TYPE),
  () => new Response('"hello"', JSON_TYPE),
  () => new Response(null, { status: 204 }),
];

describe('answers that are not of the server', function () {
  this.timeout(15_000);
  let world: TransportWorld;
  const spaces: Space[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
  });
  afterEach(async () => {
    for (const space of spaces.splice(0)) space.close();
    await world.stop();
  });

  /** `answers`: what is said in place of the server. */
  function open(answers: (asked: Asked) => Response | undefined, more: Partial<ConnectOptions> = {}): Space {
    const url = `http://127.0.0.1:${world.port}`;
    const behind: typeof fetch = async (input, init) => {
      const path = new URL(String(input)).pathname.slice(`/v1/spaces/${SPACE}`.length);
      return answers({ method: init?.method ?? 'GET', path }) ?? fetch(input, init);
    };
    const space = connect({ url, space: SPACE, fetch: behind, transport: 'longPoll', fraction: () => 0, ...more });
    spaces.push(space);
    return space;
  }

  for (const [i, foreign] of FOREIGN.entries()) {
    it(`[SDK110] are failed attempts, whatever was asked (${foreign().status}, ${i})`, async () => {
      const left = new Set(['POST /clients', 'GET /updates', 'POST /updates', 'PATCH /clients']);
      const space = open(({ method, path }) => {
        const what = `${method} ${path.split('/').slice(0, 2).join('/')}`;
        const answer = foreign();
        if (what === 'PATCH /clients' && answer.status === 204) left.delete(what); // as the server would say
        return left.delete(what) ? answer : undefined;
      });
      space.say({ cursor: 1 });
      const outcome = space.item('card').set(1);
      await space.ready();
      assert.equal((await outcome).result, 'ok');
      space.say({ cursor: 2 });
      await until(() => JSON.stringify(space.clients[0]?.data) === '{"cursor":2}');
      assert.deepEqual([[...left], space.failure, space.status], [[], undefined, 'live']);
    });
  }

  it('[SDK110] a refusal of the server counts under any type', async () => {
    const type = { 'Content-Type': 'text/plain' };
    const refusal = () => new Response('{"status":403,"code":"forbidden"}', { status: 403, headers: type });
    const space = open(({ method, path }) => (method === 'POST' && path === '/updates' ? refusal() : undefined));
    const outcome = await space.item('card').set(1);
    assert.equal(outcome.result === 'problem' && outcome.code, 'forbidden');
  });

  it('[SDK110] a rejoin that a proxy refuses is tried again, and the client is there for others', async () => {
    let refused = 0;
    let joins = 0;
    const space = open(({ method, path }) => {
      if (method !== 'POST' || path !== '/clients' || ++joins === 1) return undefined;
      return refused++ < 2 ? new Response(PAGE, { status: 404, ...HTML }) : undefined;
    });
    await space.ready();
    const me = `/v1/spaces/${SPACE}/clients/${space.clientId}`;
    await fetch(`http://127.0.0.1:${world.port}${me}`, { method: 'DELETE' });
    await until(() => joins === 4 && space.status === 'live');
    assert(space.clients.some(({ id }) => id === space.clientId));
  });

  it('[SDK110] a page in place of server-sent events is no stream', async () => {
    const never = new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode(PAGE)) });
    let asked = 0;
    const isStream = ({ path }: Asked): boolean => path === '/updates/stream';
    const portal = (one: Asked) => (isStream(one) && ++asked > 0 ? new Response(never, HTML) : undefined);
    const space = open(portal, { transport: 'auto', webSocket: undefined });
    await space.ready();
    await world.post('card', 1);
    await until(() => space.item('card').confirmed === 1);
    assert.deepEqual([asked, space.transport], [1, 'longPoll']);
  });

  it('[SDK110] an event that cannot be read ends the stream, not the space', async () => {
    let asked = 0;
    const torn = ({ path }: Asked): Response | undefined => {
      if (path !== '/updates/stream' || ++asked > 2) return undefined;
      return new Response('data: {"marker"\n\n', { headers: { 'Content-Type': 'text/event-stream' } });
    };
    const space = open(torn, { transport: 'sse' });
    await world.post('card', 1);
    await until(() => space.transport === 'sse' && space.item('card').confirmed === 1);
    assert(asked > 2 && space.failure === undefined);
  });

  it('[SDK110] a lock is not lost by one', async () => {
    const model = new World();
    const { space, net } = model.client();
    await model.pass(50);
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    const card = space.item('card');
    await card.lock();
    net.locks = () => {
      throw new RefusedError(404, {}, undefined);
    };
    await model.pass(4_000);
    assert.equal(card.locked, true);
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    await model.pass(20_000);
    assert.equal(card.locked, true);
    model.close();
  });

  it('[SDK110] what is too large for a proxy fails alone', async () => {
    const space = open(({ method, path }) =>
      method === 'POST' && path === '/updates' ? new Response(PAGE, { status: 413, ...HTML }) : undefined,
    );
    await space.ready();
    const outcome = await space.item('card').set(1);
    assert.deepEqual([outcome.result, space.status], ['problem', 'live']);
  });

  it('[SDK110] nor is an item gone because a proxy says so', async () => {
    const fetch = async (): Promise<Response> => new Response(PAGE, { status: 404, ...HTML });
    const client = new HttpClient({ url: 'http://server', clock: new FakeClock(), fetch });
    await assert.rejects(client.getItem(SPACE, 'card'), mayRetry);
  });
});
