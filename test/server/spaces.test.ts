import assert from 'node:assert/strict';
import { makeApiKey } from '../../src/auth/mint.ts';
import { type Composed, compose } from '../../src/server/compose.ts';
import { parseConfig } from '../../src/server/config.ts';
import { JSON_TYPE, send } from '../api/fixture.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { Folder } from '../support/server-process.ts';

const SPACE = '/v1/spaces/board';
const POST = { updates: [{ item: 'a', op: { set: 1 } }] };

describe('spaces and limits, through the whole server', () => {
  let folder: Folder;
  const running: Composed[] = [];
  const owner = makeApiKey();
  const guest = makeApiKey();

  async function start(env: Record<string, string> = {}): Promise<Composed> {
    const keys = [
      { name: 'owner', sha256: owner.sha256, spaces: { board: 'a' } },
      { name: 'guest', sha256: guest.sha256, spaces: {} },
    ];
    const auth = { LONGSHORE_AUTH: 'key', LONGSHORE_API_KEYS: JSON.stringify(keys) };
    const outcome = parseConfig({ LONGSHORE_DATA_DIR: folder.path, ...auth, ...env });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const composed = await compose(outcome.config, new RecordedLog());
    running.push(composed);
    return composed;
  }

  beforeEach(() => {
    folder = new Folder();
  });
  afterEach(async () => {
    for (const composed of running.splice(0)) await composed.close(0);
    folder.remove();
  });

  const call = ({ listener }: Composed, method: string, path: string, key: string, value?: unknown) => {
    const body = value === undefined ? {} : { body: JSON.stringify(value) };
    const type: Record<string, string> = value === undefined ? {} : JSON_TYPE;
    return send(listener, { method, path, headers: { ...type, Authorization: `Bearer ${key}` }, ...body });
  };

  it('[SE25] members count from the next request on, and no longer once they are taken out', async () => {
    const server = await start();
    const read = async () => (await call(server, 'GET', `${SPACE}/updates`, guest.key)).status;
    const set = (members: object) => call(server, 'PUT', SPACE, owner.key, { members });
    assert.equal(await read(), 404);
    assert.equal((await set({ 'key:guest': 'r' })).status, 201);
    assert.equal(await read(), 200);
    assert.equal((await call(server, 'POST', `${SPACE}/updates`, guest.key, POST)).status, 403);
    assert.equal((await set({ 'key:guest': 'rw' })).status, 200);
    assert.equal((await call(server, 'POST', `${SPACE}/updates`, guest.key, POST)).status, 200);
    assert.equal((await set({})).status, 200);
    assert.equal(await read(), 404);
  });

  it('[SE34] a space is deleted although an item in it is held', async () => {
    const server = await start();
    const own = (method: string, path: string, value?: unknown) => call(server, method, path, owner.key, value);
    assert.equal((await own('PUT', SPACE, { members: { 'key:owner': 'rwla' } })).status, 201);
    assert.equal((await own('POST', `${SPACE}/clients`, { clientId: 'ann' })).status, 201);
    const grab = { clientId: 'ann', updates: [{ item: 'a', op: { set: 1 }, grab: true }] };
    assert.equal((await own('POST', `${SPACE}/updates`, grab)).json.results[0].result, 'ok');
    assert.equal((await own('DELETE', SPACE)).status, 204);
    assert.equal((await own('GET', SPACE)).status, 404);
  });

  it('[SE25] a member who is an admin may change the settings; a deleted space has no members', async () => {
    const server = await start();
    await call(server, 'PUT', SPACE, owner.key, { members: { 'key:guest': 'a' } });
    assert.equal(
      (await call(server, 'PUT', SPACE, guest.key, { members: { 'key:guest': 'a' }, maxLocks: 2 })).status,
      200,
    );
    await call(server, 'POST', `${SPACE}/updates`, guest.key, POST);
    assert.equal((await call(server, 'DELETE', SPACE, guest.key)).status, 204);
    assert.equal((await call(server, 'GET', SPACE, guest.key)).status, 404);
    assert.equal((await call(server, 'GET', `${SPACE}/updates`, guest.key)).status, 404);
    assert.deepEqual((await call(server, 'GET', `${SPACE}/updates`, owner.key)).json.items, []);
  });

  it('[SE6] settings are there after a restart', async () => {
    const first = await start();
    await call(first, 'PUT', SPACE, owner.key, { kinds: ['register'], tombstoneMs: 700_000 });
    await running.pop()?.close(0);
    const again = await call(await start(), 'GET', SPACE, owner.key);
    assert.deepEqual([again.headers.etag, again.json.kinds, again.json.tombstoneMs], ['"1"', ['register'], 700_000]);
  });

  it('[LI14] LONGSHORE_LIMITS changes what a caller may do', async () => {
    const server = await start({ LONGSHORE_LIMITS: 'post=2' });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await call(server, 'POST', `${SPACE}/updates`, owner.key, POST));
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [200, 200, 429],
    );
    assert.ok(Number(statuses[2]?.headers['retry-after']) >= 1);
  });
});
