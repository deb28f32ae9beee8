import assert from 'node:assert/strict';
import { OPEN_ACCESS } from '../../src/auth/access.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import type { Deletion } from '../../src/core/spaces/delete-space.ts';
import { createSpaceAdmin } from '../../src/core/spaces/space-admin.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import { Failure } from '../../src/ports/failure.ts';
import { SETTING_BOUNDS } from '../../src/protocol/limits.ts';
import { callerOf } from '../support/callers.ts';
import { realClock } from '../support/clocks.ts';
import { type Answered, JSON_TYPE, makeApp, send } from './fixture.ts';

const PATH = '/v1/spaces/board';

function put(listener: Parameters<typeof send>[0], value: unknown, headers = {}, path = PATH): Promise<Answered> {
  return send(listener, { method: 'PUT', path, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(value) });
}

describe('settings of a space over HTTP', () => {
  it('[SE1] a space that nobody has made is 404; a PUT makes it, and GET shows the settings with their tag', async () => {
    const { listener } = makeApp();
    assert.equal((await send(listener, { path: PATH })).status, 404);
    const made = await put(listener, { maxLocks: 2, members: { 'app:ann': 'rw' } });
    assert.deepEqual([made.status, made.headers.etag, made.json.maxLocks], [201, '"1"', 2]);
    const got = await send(listener, { path: PATH });
    assert.deepEqual([got.status, got.headers.etag, got.json], [200, '"1"', made.json]);
  });

  it('[SE2] a PUT replaces the whole: what is left out has its default; what GET shows can be put back', async () => {
    const { listener } = makeApp();
    await put(listener, { maxLocks: 2, steal: 'anyone', tombstoneMs: 600_000, textReservations: true });
    const second = await put(listener, { leaseMs: 20_000 });
    assert.deepEqual([second.status, second.headers.etag], [200, '"2"']);
    const { maxLocks, steal, leaseMs, tombstoneMs, textReservations } = second.json;
    assert.deepEqual(
      { maxLocks, steal, leaseMs, tombstoneMs, textReservations },
      { maxLocks: 4, steal: 'admin', leaseMs: 20_000, tombstoneMs: undefined, textReservations: false },
    );
    const again = await put(listener, second.json);
    assert.deepEqual([again.status, again.json], [200, second.json]);
  });

  it('[SE3] conditions are judged by the version of the settings', async () => {
    const { listener } = makeApp();
    assert.equal((await put(listener, {}, { 'If-Match': '*' })).status, 412);
    assert.equal((await put(listener, {}, { 'If-None-Match': '*' })).status, 201);
    const refused = await put(listener, {}, { 'If-None-Match': '*' });
    assert.deepEqual([refused.status, refused.headers.etag], [412, '"1"']);
    assert.equal((await put(listener, {}, { 'If-Match': '"1"' })).status, 200);
    assert.equal((await put(listener, {}, { 'If-Match': '"1"' })).status, 412);
    assert.equal((await send(listener, { path: PATH, headers: { 'If-None-Match': '"2"' } })).status, 304);
    assert.equal((await send(listener, { path: PATH, headers: { 'If-Match': '"1"' } })).status, 412);
  });

  it('[SE4] a setting out of its bounds, of another form or of another name is refused, and nothing changes', async () => {
    const { listener } = makeApp();
    await put(listener, { maxLocks: 3 });
    const bad: unknown[] = [
      { nonsense: 1 },
      { kinds: [] },
      { kinds: ['unheard-of'] },
      { lockRules: { 'unheard-of': 'none' } },
      { lockRules: { register: 'perhaps' } },
      { steal: 'nobody' },
      { textReservations: 1 },
      { members: { ann: 'rx' } },
      { members: { ann: 'rr' } },
      { members: { ann: '' } },
      { members: { ['a'.repeat(129)]: 'r' } },
      { members: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`s${i}`, 'r'])) },
      { lockTtlMs: 60_000, maxHoldMs: 30_000 },
      { persistMs: 5_001 },
      [],
      null,
    ];
    for (const [name, [from, to]] of Object.entries(SETTING_BOUNDS)) bad.push({ [name]: from - 1 }, { [name]: to + 1 });
    for (const value of bad) {
      const answer = await put(listener, value);
      assert.equal(answer.status, 400, JSON.stringify(value).slice(0, 80));
      assert.ok(answer.json.detail.length > 10);
    }
    assert.equal((await send(listener, { path: PATH })).json.maxLocks, 3);
  });

  it('[SE5] every setting is taken at both its bounds', async () => {
    const { listener } = makeApp();
    for (const [name, [from, to]] of Object.entries(SETTING_BOUNDS)) {
      const [low, high] = name === 'persistMs' ? [from, 5_000] : [from, to];
      const rest = name === 'lockTtlMs' ? { maxHoldMs: 86_400_000 } : name === 'maxHoldMs' ? { lockTtlMs: 1_000 } : {};
      for (const value of [low, high]) {
        const answer = await put(listener, { ...rest, [name]: value });
        assert.ok(answer.status < 300, `${name}=${value}: ${answer.text}`);
        assert.equal(answer.json[name], value);
      }
    }
  });

  it('[SE10] lists spaces in pages, ascending', async () => {
    const { listener } = makeApp();
    for (const name of ['c', 'a', 'b']) await put(listener, {}, {}, `/v1/spaces/${name}`);
    const first = await send(listener, { path: '/v1/spaces?limit=2' });
    assert.deepEqual(
      first.json.spaces.map(({ id }: { id: string }) => id),
      ['a', 'b'],
    );
    assert.equal(first.json.after, 'b');
    assert.match(first.json.spaces[0].createdAt, /^\d{4}-/);
    const second = await send(listener, { path: `/v1/spaces?limit=2&after=${first.json.after}` });
    assert.deepEqual(
      second.json.spaces.map(({ id }: { id: string }) => id),
      ['c'],
    );
    assert.equal(second.json.after, undefined);
    for (const query of ['?limit=0', '?limit=501', '?after=%2F', '?page=2']) {
      assert.equal((await send(listener, { path: `/v1/spaces${query}` })).status, 400, query);
    }
  });

  it('[SE33] DELETE is 204 when everything is deleted, 202 with what was done while it is not, 404 afterwards', async () => {
    const { listener } = makeApp();
    const remove = () => send(listener, { method: 'DELETE', path: PATH });
    assert.equal((await remove()).status, 404);
    await put(listener, {});
    const outcomes: Deletion['outcome'][] = ['more', 'done'];
    const spaces = { ...makeApp().spaces, delete: async () => ({ outcome: outcomes.shift() ?? 'absent', deleted: 7 }) };
    const { listener: scripted } = makeApp({ spaces });
    const partial = await send(scripted, { method: 'DELETE', path: PATH });
    assert.deepEqual([partial.status, partial.json, partial.headers['retry-after']], [202, { deleted: 7 }, '1']);
    assert.equal((await send(scripted, { method: 'DELETE', path: PATH })).status, 204);
    assert.equal((await send(scripted, { method: 'DELETE', path: PATH })).status, 404);
    assert.equal((await remove()).status, 204);
    assert.equal((await remove()).status, 404);
  });

  it('[SE7] while the store does not answer they are 503 with a hint', async () => {
    const down = () => Promise.reject(new Failure('storeUnavailable', 'away'));
    const store = { ...createMemoryStore(), read: down, transact: down, list: down, spaces: down };
    const { engine } = makeApp();
    const spaces = createSpaceAdmin({
      store,
      clock: realClock,
      kinds: KINDS,
      engine,
      persistMs: 5_000,
      changed: () => {},
    });
    const { listener } = makeApp({ spaces });
    const answers = [
      await send(listener, { path: PATH }),
      await put(listener, {}),
      await send(listener, { method: 'DELETE', path: PATH }),
      await send(listener, { path: '/v1/spaces' }),
    ];
    for (const { status, json, headers } of answers) {
      assert.deepEqual([status, json.code, headers['retry-after']], [503, 'storeUnavailable', '1']);
    }
  });

  it('[SE11] the list shows only what the caller brings the right to administer', async () => {
    const spaces = { 'team-*': 'a', lobby: 'rw' };
    const access = { ...OPEN_ACCESS, identify: () => callerOf('app:ann', spaces) };
    const { listener } = makeApp({ access });
    for (const name of ['lobby', 'other', 'team-1', 'team-2']) await put(listener, {}, {}, `/v1/spaces/${name}`);
    const { json } = await send(listener, { path: '/v1/spaces' });
    assert.deepEqual(
      json.spaces.map(({ id }: { id: string }) => id),
      ['team-1', 'team-2'],
    );
    const guest = makeApp({ access: { ...OPEN_ACCESS, identify: () => callerOf('app:bob', { lobby: 'rw' }) } });
    assert.equal((await send(guest.listener, { path: '/v1/spaces' })).status, 403);
  });

  it('[SE12] other methods, other cases and queries are refused', async () => {
    const { listener } = makeApp();
    assert.equal((await send(listener, { method: 'POST', path: '/v1/spaces' })).headers.allow, 'GET, HEAD');
    assert.equal((await send(listener, { method: 'PATCH', path: PATH })).headers.allow, 'GET, HEAD, PUT, DELETE');
    assert.equal((await send(listener, { path: `${PATH}/` })).status, 404);
    assert.equal((await send(listener, { path: `${PATH}?a=1` })).status, 400);
    assert.equal((await send(listener, { path: '/v1/spaces/..%2F' })).json.code, 'badId');
  });
});
