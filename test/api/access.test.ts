import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describeApi } from '../../src/api/openapi.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import { log } from '../../src/kinds/log/log.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { KEEP_ALIVE_MS } from '../../src/protocol/limits.ts';
import type { ResourceHash } from '../../src/protocol/resources.ts';
import { spaceId } from '../support/callers.ts';
import { realClock } from '../support/clocks.ts';
import { AUTH_MODES, type Cast, castRoles, type Mode, ROLES, type Role } from '../support/roles.ts';
import { sampleHead } from '../support/sample-heads.ts';
import { type Answered, JSON_TYPE, makeApp, ORIGIN, type Sent, send } from './fixture.ts';

type Row = {
  readonly right: 'read' | 'write' | 'lock' | 'admin' | 'none';
  readonly sent: Sent;
  readonly ok: number;
  /** Not of one space: only what callers bring counts, and there is nothing to hide. */
  readonly general?: true;
};

const body = (value: unknown) => ({ body: JSON.stringify(value), headers: JSON_TYPE });
const POST = { updates: [{ item: 'a', op: { set: 1 } }] };
const GRAB = { clientId: 'ann', updates: [{ item: 'a', op: { set: 1 }, grab: true }] };
const CLIENT = '/v1/spaces/board/clients/me';
const ITEM = '/v1/spaces/board/items/a';

const STREAM = '/v1/stream/board/a';
const TEXT = { 'content-type': 'text/plain' };
const LOG = { count: 0, config: { type: 'text/plain', durable: true } };

const RESOURCES = '/v1/spaces/board/resources';
const STORED = Buffer.from('stored');
const RESOURCE = createHash('sha256').update(STORED).digest('hex') as ResourceHash;

/** One row for each operation that `/openapi.json` names. */
const ROWS: { readonly [operation: string]: Row } = {
  getUpdates: { right: 'read', sent: { path: '/v1/spaces/board/updates' }, ok: 200 },
  postUpdate: { right: 'write', sent: { method: 'POST', path: '/v1/spaces/board/updates', ...body(POST) }, ok: 200 },
  postGetUpdates: {
    right: 'read',
    sent: { method: 'POST', path: '/v1/spaces/board/updates:get', ...body({}) },
    ok: 200,
  },
  streamUpdates: { right: 'read', sent: { path: '/v1/spaces/board/updates/stream' }, ok: 200 },
  // As a plain request; who may open a socket is asked at the upgrade (TR31).
  openSocket: { right: 'none', sent: { path: '/v1/spaces/board/socket' }, ok: 426 },
  postTicket: { right: 'read', sent: { method: 'POST', path: '/v1/spaces/board/tickets' }, ok: 201 },
  joinSpace: { right: 'read', sent: { method: 'POST', path: '/v1/spaces/board/clients' }, ok: 201 },
  patchClient: { right: 'read', sent: { method: 'PATCH', path: CLIENT, ...body({ data: 1 }) }, ok: 204 },
  leaveSpace: { right: 'read', sent: { method: 'DELETE', path: CLIENT }, ok: 204 },
  getItem: { right: 'read', sent: { path: ITEM }, ok: 200 },
  putItem: { right: 'write', sent: { method: 'PUT', path: ITEM, ...body(2) }, ok: 200 },
  patchItem: { right: 'write', sent: { method: 'PATCH', path: ITEM, ...body({ b: 1 }) }, ok: 200 },
  postLock: {
    right: 'lock',
    sent: { method: 'POST', path: `${ITEM}/lock`, ...body({ clientId: 'ann', steal: true }) },
    ok: 200,
  },
  deleteLock: { right: 'lock', sent: { method: 'DELETE', path: `${ITEM}/lock?clientId=ann` }, ok: 204 },
  deleteItem: { right: 'write', sent: { method: 'DELETE', path: ITEM }, ok: 204 },
  getOps: { right: 'read', sent: { path: `${ITEM}/ops?wait=0` }, ok: 200 },
  getPicture: { right: 'read', sent: { path: `${ITEM}/picture.png` }, ok: 200 },
  listPictures: { right: 'read', sent: { path: `${ITEM}/pictures` }, ok: 200 },
  getResourceUsage: { right: 'read', sent: { path: RESOURCES }, ok: 200 },
  putResource: { right: 'write', sent: { method: 'PUT', path: RESOURCES, body: 'bytes' }, ok: 201 },
  getResource: { right: 'read', sent: { path: `${RESOURCES}/${RESOURCE}` }, ok: 200 },
  // The blobs of these tests have no signed URLs: whoever may is told so.
  getResourceUrl: { right: 'read', sent: { path: `${RESOURCES}/${RESOURCE}/url` }, ok: 501 },
  beginUpload: {
    right: 'write',
    sent: { method: 'POST', path: '/v1/spaces/board/uploads', ...body({ size: 9 }) },
    ok: 501,
  },
  finishUpload: { right: 'write', sent: { method: 'POST', path: '/v1/spaces/board/uploads/u1' }, ok: 501 },
  getStream: { right: 'read', sent: { path: STREAM }, ok: 200 },
  headStream: { right: 'read', sent: { method: 'HEAD', path: STREAM }, ok: 200 },
  putStream: { right: 'write', sent: { method: 'PUT', path: STREAM, headers: TEXT }, ok: 200 },
  appendToStream: { right: 'write', sent: { method: 'POST', path: STREAM, headers: TEXT, body: 'more' }, ok: 204 },
  deleteStream: { right: 'write', sent: { method: 'DELETE', path: STREAM }, ok: 204 },
  listSpaces: { right: 'admin', sent: { path: '/v1/spaces' }, ok: 200, general: true },
  getSpace: { right: 'admin', sent: { path: '/v1/spaces/board' }, ok: 200 },
  putSpace: { right: 'admin', sent: { method: 'PUT', path: '/v1/spaces/board', ...body({ maxLocks: 2 }) }, ok: 200 },
  deleteSpace: { right: 'admin', sent: { method: 'DELETE', path: '/v1/spaces/board' }, ok: 204 },
  healthz: { right: 'none', sent: { path: '/healthz' }, ok: 200 },
  readyz: { right: 'none', sent: { path: '/readyz' }, ok: 200 },
  sweep: { right: 'none', sent: { path: '/internal/sweep' }, ok: 200 },
};

const MAY: { readonly [role in Role]: readonly string[] } = {
  stranger: [],
  elsewhere: [],
  reader: ['read'],
  writer: ['read', 'write'],
  locker: ['read', 'lock'],
  admin: ['read', 'write', 'lock', 'admin'],
  memberReader: ['read'],
  memberWriter: ['read', 'write'],
  memberAdmin: ['read', 'write', 'lock', 'admin'],
};

/** To some space. */
const BRING_ADMIN: readonly Role[] = ['admin', 'elsewhere'];

function expected(mode: Mode, role: Role, { right, ok, general }: Row): number {
  if (general && mode !== 'none') return BRING_ADMIN.includes(role) ? ok : 403;
  if (mode === 'none' || right === 'none' || MAY[role].includes(right)) return ok;
  return MAY[role].length === 0 ? 404 : 403;
}

/** Streams end at once. */
const SHORT_LIVES: Clock = {
  ...realClock,
  after: (ms, call) => realClock.after(ms > KEEP_ALIVE_MS ? 0 : ms, call),
};

const casts = new Map<Mode, Promise<Cast>>();
/** Made once for each mode: nothing here changes it. */
function castOf(mode: Mode): Promise<Cast> {
  const cast = casts.get(mode) ?? castRoles(mode);
  casts.set(mode, cast);
  return cast;
}

async function ask(mode: Mode, row: Row, pick: (cast: Cast) => object): Promise<Answered> {
  const cast = await castOf(mode);
  const { listener, engine, spaces, deps } = makeApp({ access: cast.access, clock: SHORT_LIVES });
  await spaces.write(spaceId('board'), {}, () => true);
  await deps.resources.put(spaceId('board'), STORED, RESOURCE);
  const { count } = await deps.resources.usage(spaceId('board'));
  engine.items.set('a', { kind: 'register', version: 1, value: { x: 1 }, deleted: false });
  const head = sampleHead({ kind: 'log' });
  engine.standing.set('a', { head, kind: log as Kind, state: LOG });
  engine.script = ({ kind, ifVersion }) =>
    kind === 'log' || ifVersion === head.v
      ? { item: 'a', result: 'ok', version: 6, durableVersion: 6, nextIndex: 1 }
      : undefined;
  const answer = await send(listener, { ...row.sent, headers: { ...row.sent.headers, ...pick(cast) } });
  if (answer.status >= 400) {
    const asked = [
      engine.requests,
      engine.polls,
      engine.opsAsked,
      engine.picturesAsked,
      engine.clientCalls,
      engine.locks,
    ];
    assert.equal(asked.flat().length, 0, 'the engine was asked');
    assert.equal((await deps.resources.usage(spaceId('board'))).count, count, 'something was kept');
  }
  return answer;
}

describe('who may call what', () => {
  it('[AU6] has a row for every operation', () => {
    const ids = [...JSON.stringify(describeApi()).matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => String(id));
    assert.deepEqual(Object.keys(ROWS).sort(), ids.sort());
  });

  for (const mode of AUTH_MODES) {
    for (const [operation, row] of Object.entries(ROWS)) {
      it(`[AU6] ${operation} in mode ${mode}, for every role`, async () => {
        for (const role of Object.keys(ROLES) as Role[]) {
          const answer = await ask(mode, row, ({ headers }) => headers(role));
          assert.equal(answer.status, expected(mode, role, row), `${role}: ${answer.text}`);
        }
      });

      it(`[AU4] ${operation} in mode ${mode}, without a credential and with bad ones`, async () => {
        const open = mode === 'none' || row.right === 'none';
        const none = await ask(mode, row, () => ({}));
        assert.equal(none.status, open ? row.ok : 401);
        if (!open) assert.equal(none.headers['www-authenticate'], 'Bearer');
        if (!open && row.sent.method !== 'HEAD') assert.equal(none.json.code, 'unauthenticated');
        const { bad } = await castOf(mode);
        for (const [i] of bad.entries()) {
          const answer = await ask(mode, row, (cast) => cast.bad[i] ?? {});
          assert.equal(answer.status, open ? row.ok : 401, JSON.stringify(bad[i]));
          if (!open) assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
        }
      });
    }
  }

  const FOREIGN = [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: `${ORIGIN}.evil.example`, 'Sec-Fetch-Site': 'cross-site' },
    { Origin: 'http://127.0.0.1:1', 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    // Browsers add what they know of a user by themselves, in this form.
    { 'Sec-Fetch-Site': 'cross-site', Authorization: 'Basic YW5uOnB3' },
  ];
  const OWN = [
    { Origin: ORIGIN, 'Sec-Fetch-Site': 'cross-site' },
    { Origin: 'http://here:8080', Host: 'here:8080', 'Sec-Fetch-Site': 'same-origin' },
    { Origin: 'http://here:8080', Host: 'here:8080' },
    { Origin: 'https://in-front-of-a-proxy.example', 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
  ];
  const isUnsafe = ({ method = 'GET' }: Sent) => method !== 'GET' && method !== 'HEAD';

  for (const mode of ['none', 'iap'] as const) {
    for (const [operation, row] of Object.entries(ROWS).filter(([, { sent }]) => isUnsafe(sent))) {
      it(`[AU73] ${operation} in mode ${mode}, for pages of other origins and its own`, async () => {
        for (const page of FOREIGN) {
          const answer = await ask(mode, row, ({ headers }) => ({ ...headers('admin'), ...page }));
          assert.deepEqual([answer.status, answer.json.code], [403, 'forbidden'], JSON.stringify(page));
        }
        for (const page of OWN) {
          const answer = await ask(mode, row, ({ headers }) => ({ ...headers('admin'), ...page }));
          assert.equal(answer.status, row.ok, JSON.stringify(page));
        }
      });
    }

    it(`[AU74] a poll that names a client in mode ${mode}, for pages of other origins and its own`, async () => {
      for (const path of ['updates', 'updates/stream'].map((part) => `/v1/spaces/board/${part}`)) {
        const poll = (named: string, page: object) =>
          ask(mode, { right: 'read', ok: 200, sent: { path: path + named } }, ({ headers }) => ({
            ...headers('admin'),
            ...page,
          }));
        for (const page of FOREIGN) {
          assert.equal((await poll('?clientId=ann', page)).status, 403, JSON.stringify(page));
          assert.equal((await poll('', page)).status, 200, 'nobody is told what it says');
        }
        for (const page of [{}, ...OWN]) assert.equal((await poll('?clientId=ann', page)).status, 200);
      }
    });
  }

  it('[AU76] the port that a scheme has anyway makes no other host of the server’s own', async () => {
    const statusOf = async (Origin: string, Host: string) => {
      const answer = await ask('none', ROWS.postUpdate as Row, ({ headers }) => ({
        ...headers('admin'),
        Origin,
        Host,
      }));
      return answer.status;
    };
    const own = [
      ['http://here.example', 'here.example:80'],
      ['https://here.example', 'here.example:443'],
      ['http://here.example', 'Here.Example'],
      ['http://[::1]:8080', '[::1]:8080'],
      ['http://[::1]', '[::1]:80'],
    ] as const;
    const foreign = [
      ['http://here.example', 'here.example:8080'],
      ['http://here.example:8080', 'here.example:80'],
      ['http://here.example', 'there.example:80'],
      ['https://here.example', 'here.example:80'],
      ['file://', ':80'],
      ['null', 'null:80'],
    ] as const;
    for (const [origin, host] of own) assert.equal(await statusOf(origin, host), 200, `${origin} at ${host}`);
    for (const [origin, host] of foreign) assert.equal(await statusOf(origin, host), 403, `${origin} at ${host}`);
  });

  it('[AU73] a bearer token is a page’s own', async () => {
    for (const mode of ['none', 'key', 'jwt'] as const) {
      const own = mode === 'none' ? { Authorization: 'Bearer x' } : {};
      for (const page of FOREIGN.slice(0, 6)) {
        const row = ROWS.joinSpace as Row;
        const answer = await ask(mode, row, ({ headers }) => ({ ...own, ...headers('admin'), ...page }));
        assert.equal(answer.status, row.ok, `${mode} ${JSON.stringify(page)}`);
      }
    }
  });

  it('[AU17] a grab takes the right to lock', async () => {
    const { headers, access } = await castRoles('key');
    const grab = async (role: Role) => {
      const sent = { method: 'POST', path: '/v1/spaces/board/updates', body: JSON.stringify(GRAB) };
      return (await send(makeApp({ access }).listener, { ...sent, headers: { ...JSON_TYPE, ...headers(role) } }))
        .status;
    };
    assert.deepEqual([await grab('writer'), await grab('memberWriter'), await grab('memberAdmin')], [403, 403, 200]);
  });

  it('[AU18] a space that is not there: empty to whoever may read it, made by its first write of an admin alone', async () => {
    const { headers, access, policies } = await castRoles('key');
    policies.spaces.clear();
    const { listener, engine } = makeApp({ access });
    const get = await send(listener, { path: '/v1/spaces/board/updates', headers: headers('reader') });
    assert.deepEqual([get.status, get.json.items], [200, []]);
    const post = (role: Role) =>
      send(listener, {
        method: 'POST',
        path: '/v1/spaces/board/updates',
        body: JSON.stringify(POST),
        headers: { ...JSON_TYPE, ...headers(role) },
      });
    const refused = await post('writer');
    assert.deepEqual([refused.status, refused.json.code], [403, 'forbidden']);
    assert.match(refused.json.detail, /not there yet/);
    assert.equal((await post('admin')).status, 200);
    assert.equal(engine.callers.at(-1)?.subject, 'key:admin');
  });

  it('[AU19] a stranger’s body is not read', async () => {
    const { access } = await castRoles('key');
    for (const path of ['/v1/spaces/board/updates', '/v1/spaces/board/updates:get']) {
      const sent = { method: 'POST', path, body: '{"not":', headers: JSON_TYPE };
      assert.equal((await send(makeApp({ access }).listener, sent)).status, 401);
    }
  });

  it('[AU19] a preflight needs no credential', async () => {
    const { access } = await castRoles('jwt');
    const { listener } = makeApp({ access });
    const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' };
    const answer = await send(listener, { method: 'OPTIONS', path: '/v1/spaces/board/updates', headers });
    assert.equal(answer.status, 204);
    assert.match(String(answer.headers['access-control-allow-headers']), /Authorization/);
    const refused = await send(listener, { path: '/v1/spaces/board/updates', headers });
    assert.match(String(refused.headers['access-control-expose-headers']), /WWW-Authenticate/);
  });
});
