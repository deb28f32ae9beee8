import assert from 'node:assert/strict';
import { headKey } from '../../src/model/keys.ts';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { call, eventually, get, metric, must200, mustBeOk, post, type Target } from './calls.ts';
import { Cluster } from './cluster.ts';

const SPACE = 'people';
/** The shortest there may be, and what comes on top, ms. */
const LEASE_MS = 5_000;
const GRACE_MS = 5_000;
/** Rounds, and what a busy machine takes, ms. */
const SLACK_MS = 10_000;
/** An instance that never heard of the space finds it in the store by an index of 10 s, in a sweep, ms. */
const FOUND_MS = 20_000;

function send(target: Target, method: string, path: string, body: unknown) {
  const headers = { 'Content-Type': 'application/json' };
  return call<{ fence?: number; marker?: string }>(target, `/v1/spaces/${SPACE}${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
  });
}

/** Who is here, by a fresh look through this server. */
async function here(target: Target): Promise<string[]> {
  const { clients = [] } = must200(await get(target, SPACE, {}));
  return clients.map(({ id }) => id);
}

function stays(answer: GetUpdatesResponse, client: string): boolean {
  return !(answer.clients ?? []).some(({ id, state }) => id === client && state === 'left');
}

describe('clients of several servers', function () {
  this.timeout(120_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'presence', servers: 2, persistMs: 1_000 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY40, SY41, SY42] stay while they poll whichever server lives, lapse when they stop, let go of their locks; then the space is tidied', async () => {
    const [a, b] = cluster.alive;
    assert(a && b);
    for (const server of [a, b]) await send(server, 'PUT', '', { leaseMs: LEASE_MS });
    const joined = await send(a, 'POST', '/clients', { clientId: 'ann' });
    assert.equal(joined?.status, 201);
    const { fence } = mustBeOk(
      await post(a, SPACE, { clientId: 'ann', updates: [{ item: 'x', op: { set: 0 }, grab: true }] }),
    );
    assert(fence !== undefined);
    await a.kill();

    let marker = joined?.body.marker ?? '';
    let last = 0;
    for (const began = performance.now(); performance.now() - began < LEASE_MS + GRACE_MS + 4_000; ) {
      const poll = `/v1/spaces/${SPACE}/updates?marker=${marker}&clientId=ann&wait=2`;
      const answer = must200(await call<GetUpdatesResponse>(b, poll));
      assert(stays(answer, 'ann'), 'it left although it polls');
      marker = answer.marker;
      const moved = { item: 'x', op: { set: performance.now() }, fence };
      last = mustBeOk(await post(b, SPACE, { clientId: 'ann', updates: [moved] })).version;
    }
    assert.deepEqual(await here(b), ['ann']);

    const silent = performance.now();
    const locked = await post(b, SPACE, { updates: [{ item: 'x', op: { set: 'somebody' } }] });
    assert.equal(must200(locked).results[0]?.result, 'locked');
    await eventually(
      'it has left',
      async () => {
        const answer = must200(await get(b, SPACE, { marker, wait: 1 }));
        marker = answer.marker;
        return stays(answer, 'ann') ? undefined : true;
      },
      LEASE_MS + GRACE_MS + SLACK_MS,
    );
    assert(performance.now() - silent > LEASE_MS, 'it left before its lease had ended');
    const row = await cluster.row(SPACE, 'x');
    assert(
      row && row.v > last && !row.open && row.lock === undefined,
      `the last update is stored, and free: ${row?.v}`,
    );

    // Whoever has heard it all dies before the space may be called empty.
    await b.kill();
    const c = await cluster.addServer();
    const tidied = LEASE_MS + GRACE_MS + FOUND_MS + SLACK_MS;
    await eventually(
      'the last one out is noticed',
      async () => ((await metric(c, 'spaces_emptied_total')) > 0 ? true : undefined),
      tidied,
    );
    assert.equal((await cluster.cache.get([headKey(SPACE, 'x')]))[0], undefined, 'its item has left the cache');
    assert.deepEqual(await here(c), []);
    const free = mustBeOk(await post(c, SPACE, { updates: [{ item: 'x', op: { set: 'somebody' } }] }));
    assert(free.version > row.v);
  });
});
