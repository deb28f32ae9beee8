import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { makeApiKey, mintToken } from '../../src/auth/mint.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { spaceRowKey } from '../../src/model/keys.ts';
import { decodeSpaceRow, encodeSpaceRow } from '../../src/model/row.ts';
import { type Composed, compose } from '../../src/server/compose.ts';
import { parseConfig } from '../../src/server/config.ts';
import { createLog } from '../../src/server/log.ts';
import { createSpacePolicies } from '../../src/server/space-policies.ts';
import { JSON_TYPE, send } from '../api/fixture.ts';
import { SECRET, spaceId } from '../support/callers.ts';
import { Folder } from '../support/server-process.ts';

const UPDATES = '/v1/spaces/board/updates';

describe('a server with identities', () => {
  let folder: Folder;
  let composed: Composed;
  let logged: string;
  const { key, sha256 } = makeApiKey();

  const mint = (subject: string, spaces: Record<string, string>, more: object = {}) => {
    const issuedAt = Math.floor(Date.now() / 1_000);
    const plain = { secret: SECRET, issuer: 'longshore', audience: 'longshore', issuedAt, expiresAt: issuedAt + 600 };
    return mintToken({ ...plain, subject, spaces, ...more });
  };

  beforeEach(async () => {
    folder = new Folder();
    logged = '';
    const outcome = parseConfig({
      LONGSHORE_DATA_DIR: folder.path,
      LONGSHORE_AUTH: 'jwt,key',
      LONGSHORE_JWT_SECRET: SECRET,
      LONGSHORE_INTERNAL_SECRET: 'internal-secret-of-mine',
      LONGSHORE_SECRET: 'sealing-key-of-mine',
      LONGSHORE_API_KEYS: JSON.stringify([{ name: 'ci', sha256, spaces: { board: 'rwla' } }]),
    });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const destination = new Writable({
      write(chunk, _encoding, done) {
        logged += chunk;
        done();
      },
    });
    composed = await compose(outcome.config, createLog('debug', destination));
  });

  afterEach(async () => {
    await composed.close(0);
    folder.remove();
  });

  const call = (method: string, path: string, token?: string, value?: unknown, more: Record<string, string> = {}) => {
    const authorization: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const headers = { ...more, ...authorization, ...(value === undefined ? {} : JSON_TYPE) };
    return send(composed.listener, {
      method,
      path,
      headers,
      ...(value === undefined ? {} : { body: JSON.stringify(value) }),
    });
  };
  const post = (token: string | undefined, item: string) =>
    call('POST', UPDATES, token, { clientId: 'c', seq: 1, updates: [{ item, op: { set: 1 } }] });

  it('[AU5] no credential and no marker is in any line of the log', async () => {
    const good = await mint('ann', { 'bo*': 'rw' });
    const forged = await mint('ann', { '*': 'rwla' }, { secret: `${SECRET}-of-somebody-else` });
    const expired = await mint('ann', { '*': 'rwla' }, { expiresAt: 1_600_000_000 });
    const malformed = await mint('ann', { 'a*b': 'x' });
    const unknown = makeApiKey().key;
    assert.equal((await post(key, 'a')).status, 200);
    assert.equal((await post(good, 'b')).status, 200);
    for (const bad of [forged, expired, malformed, unknown, 'not.a.token']) {
      assert.equal((await post(bad, 'c')).status, 401);
      assert.equal((await call('GET', `${UPDATES}?access_token=${bad}`, bad)).status, 400);
    }
    const { json } = await call('GET', UPDATES, good);
    assert.equal((await call('GET', `${UPDATES}?marker=${json.marker}&wait=0`, good)).status, 200);
    assert.equal((await call('GET', `${UPDATES}?marker=${json.marker}x`, good)).status, 400);
    const { ticket } = (await call('POST', '/v1/spaces/board/tickets', good)).json;
    await composed.tickets.redeem(spaceId('board'), ticket);
    await assert.rejects(composed.tickets.redeem(spaceId('board'), ticket));
    const internal = { 'Longshore-Internal': 'internal-secret-of-mine' };
    assert.equal((await call('GET', '/metrics', undefined, undefined, internal)).status, 200);
    assert.equal(
      (await call('GET', '/metrics', undefined, undefined, { 'Longshore-Internal': 'wrong-secret' })).status,
      404,
    );
    await composed.close(0);
    assert.match(logged, /starting/);
    const secrets = [
      SECRET,
      key,
      sha256,
      good,
      forged,
      expired,
      malformed,
      unknown,
      'not.a.token',
      json.marker,
      ticket,
    ];
    for (const secret of [...secrets, 'internal-secret-of-mine', 'sealing-key-of-mine', 'wrong-secret']) {
      // A part is as good as the whole: signatures and bodies of tokens count alone.
      for (const part of String(secret).split('.')) {
        if (part.length > 8) assert.ok(!logged.includes(part), `${part} is in the log`);
      }
    }
  });

  it('[AU66] a ticket is good once, across the cache', async () => {
    await post(key, 'a');
    const reader = await mint('ann', { board: 'r' });
    const { json, status } = await call('POST', '/v1/spaces/board/tickets', reader);
    assert.equal(status, 201);
    const caller = await composed.tickets.redeem(spaceId('board'), json.ticket);
    assert.equal(caller.subject, 'dev:ann');
    await assert.rejects(composed.tickets.redeem(spaceId('board'), json.ticket), /used before/);
  });

  it('[AU18] a new space takes an admin, through the whole server', async () => {
    const writer = await mint('ann', { board: 'rw' });
    const refused = await post(writer, 'a');
    assert.deepEqual([refused.status, refused.json.code], [403, 'forbidden']);
    assert.deepEqual((await call('GET', UPDATES, writer)).json.items, []);
    assert.equal((await post(key, 'a')).status, 200);
    const other = await mint('eve', { 'eve-*': 'rwla' });
    assert.equal((await call('GET', UPDATES, other)).status, 404);
    assert.equal((await call('GET', '/v1/spaces/eve-1/updates', other)).status, 200);
  });

  it('[AU59] a space that its admin has deleted takes an admin again, through the whole server', async () => {
    const writer = await mint('ann', { board: 'rw' });
    assert.equal((await post(key, 'a')).status, 200);
    assert.equal((await post(writer, 'b')).status, 200);
    assert.equal((await call('DELETE', '/v1/spaces/board', key)).status, 204);
    assert.equal((await post(writer, 'c')).status, 403);
    assert.equal((await call('GET', '/v1/spaces/board', key)).status, 404);
    assert.equal((await post(key, 'd')).status, 200);
  });

  it('[AU8] numbers of requests belong to a subject: two callers may use one client id', async () => {
    const [one, two] = [await mint('ann', { board: 'rwla' }), await mint('bob', { board: 'rwla' })];
    const versions = [];
    for (const token of [one, two, one]) versions.push((await post(token, 'a')).json.results[0]);
    assert.deepEqual(
      versions.map(({ result, version }) => [result, version]),
      [
        ['ok', 1],
        ['ok', 2],
        ['ok', 1],
      ],
    );
  });

  it('[AU71] metrics and sweep are hidden, from this machine too, but for the holder of the secret', async () => {
    for (const path of ['/metrics', '/internal/sweep']) {
      assert.equal((await call('GET', path)).status, 404);
      assert.equal((await call('GET', path, key)).status, 404);
      const headers = { 'Longshore-Internal': 'internal-secret-of-mine' };
      assert.equal((await call('GET', path, undefined, undefined, headers)).status, 200);
    }
    assert.equal((await call('GET', '/healthz')).status, 200);
  });

  it('[AU72] the listener for operators has their routes, and nothing else', async () => {
    for (const path of ['/metrics', '/internal/sweep', '/healthz', '/readyz']) {
      assert.equal((await send(composed.internal, { path })).status, 200, path);
    }
    for (const path of [UPDATES, '/', '/v1/spaces/board/items/a']) {
      assert.equal((await send(composed.internal, { path })).status, 404, path);
    }
  });

  it('[AU50] members are read from the space’s record in the store', async () => {
    const store = createMemoryStore();
    const space = spaceId('board');
    assert.equal(await createSpacePolicies(store).of(space), undefined);
    const row = { ...decodeSpaceRow(undefined), settings: { members: { 'dev:ann': 'rw', 'dev:bob': 'nonsense' } } };
    await store.transact([spaceRowKey(space)], () => {
      return { changes: [{ key: spaceRowKey(space), record: encodeSpaceRow(row) }], result: undefined };
    });
    const policy = await createSpacePolicies(store).of(space);
    assert.deepEqual([policy?.exists, [...(policy?.members.keys() ?? [])]], [true, ['dev:ann']]);
  });
});
