import assert from 'node:assert/strict';
import { Failure } from '../../src/ports/failure.ts';
import { callerOf } from '../support/callers.ts';
import { settle } from '../support/clocks.ts';
import { type Cast, castRoles, type Role } from '../support/roles.ts';
import { type App, makeApp, postJson, send } from './fixture.ts';

const POLL = '/v1/spaces/board/updates?marker=m1&wait=20';

describe('a parked poll', () => {
  let cast: Cast;
  let app: App;

  beforeEach(async () => {
    cast = await castRoles('jwt');
    app = makeApp({ access: cast.access });
  });

  const park = async (role: Role) => {
    const parked = app.engine.nextParked();
    const answered = send(app.listener, { path: POLL, headers: cast.headers(role) });
    return { poll: await parked, answered };
  };
  const revoke = () => {
    cast.policies.spaces.set('board', { exists: true, members: new Map() });
  };

  it('[AU56] is answered with the shared bytes while its caller may read', async () => {
    const [one, two] = [await park('reader'), await park('memberReader')];
    const answer = app.engine.snapshot();
    for (const { poll } of [one, two]) poll.deliver({ answer });
    const [first, second] = await Promise.all([one.answered, two.answered]);
    assert.deepEqual([first.status, second.status, first.text], [200, 200, second.text]);
  });

  it('[AU7] reaches the engine in the turn it came in, in mode none and with a known token or key', async () => {
    for (const mode of ['none', 'jwt', 'key', 'iap'] as const) {
      const { access, headers } = await castRoles(mode);
      const { listener, engine } = makeApp({ access });
      const atOnce: number[] = [];
      const watched: typeof listener = (req, res) => {
        const before = engine.polls.length;
        listener(req, res);
        atOnce.push(engine.polls.length - before);
      };
      const sent = { path: '/v1/spaces/board/updates', headers: headers('reader') };
      for (let i = 0; i < 2; i++) assert.equal((await send(watched, sent)).status, 200);
      // A token that was never seen has to be verified first.
      assert.deepEqual(atOnce, mode === 'none' || mode === 'key' ? [1, 1] : [0, 1], mode);
    }
  });

  it('[AU57] whose caller lost the right meanwhile is 403, and has nothing of the answer', async () => {
    const [lost, kept] = [await park('memberReader'), await park('reader')];
    app.engine.items.set('secret-item', { kind: 'register', version: 1, value: 'secret', deleted: false });
    revoke();
    cast.clock.advance(30_000);
    const answer = app.engine.snapshot();
    for (const { poll } of [lost, kept]) poll.deliver({ answer });
    const [first, second] = await Promise.all([lost.answered, kept.answered]);
    assert.deepEqual([first.status, first.json.code], [403, 'forbidden']);
    assert.doesNotMatch(first.text, /secret/);
    assert.equal(second.status, 200);
    const again = await send(app.listener, { path: POLL, headers: cast.headers('memberReader') });
    assert.equal(again.status, 404);
  });

  it('[AU57] whose token ended meanwhile is 403, and the next request 401', async () => {
    const { poll, answered } = await park('reader');
    cast.clock.advance(631_000);
    poll.deliver({ answer: app.engine.snapshot() });
    const { status, json } = await answered;
    assert.deepEqual([status, json.code], [403, 'forbidden']);
    assert.match(json.detail, /expired/);
    const again = await send(app.listener, { path: POLL, headers: cast.headers('reader') });
    assert.deepEqual([again.status, again.headers['www-authenticate']], [401, 'Bearer error="invalid_token"']);
  });

  it('[AU57] whose right cannot be looked up again is 503, not data', async () => {
    const { poll, answered } = await park('memberReader');
    cast.policies.failure = new Failure('storeUnavailable', 'away');
    cast.clock.advance(30_000);
    poll.deliver({ answer: app.engine.snapshot() });
    const { status, json } = await answered;
    assert.deepEqual([status, json.code], [503, 'storeUnavailable']);
  });

  it('[AU58] many parked polls are looked up again by one reading of the record', async () => {
    const polls = [];
    for (let i = 0; i < 20; i++) polls.push(await park('memberReader'));
    const reads = cast.policies.reads;
    cast.clock.advance(30_000);
    const answer = app.engine.snapshot();
    for (const { poll } of polls) poll.deliver({ answer });
    for (const { answered } of polls) assert.equal((await answered).status, 200);
    assert.equal(cast.policies.reads, reads + 1);
  });

  it('[AU58] is not even parked without the right', async () => {
    for (const role of ['stranger', 'elsewhere'] as const) {
      assert.equal((await send(app.listener, { path: POLL, headers: cast.headers(role) })).status, 404);
    }
    assert.equal(app.engine.polls.length, 0);
  });

  it('[AU58] whose client left while its token was being verified leaves nothing parked', async () => {
    let admit: (caller: ReturnType<typeof callerOf>) => void = () => undefined;
    const access = { ...cast.access, admit: () => new Promise<ReturnType<typeof callerOf>>((done) => (admit = done)) };
    const slow = makeApp({ access: { ...access, review: () => undefined, holding: cast.access.holding } });
    const gone = send(
      (req, res) => {
        slow.listener(req, res);
        req.socket.destroy();
        res.once('close', () => admit(callerOf('dev:ann', {})));
      },
      { path: POLL },
    );
    await assert.rejects(gone);
    await settle();
    assert.ok(slow.engine.polls.every(({ cancelled }) => cancelled));
  });

  it('[AU65] a ticket is 201, for a minute; a body is refused unless it is {}', async () => {
    const path = '/v1/spaces/board/tickets';
    const headers = cast.headers('reader');
    const plain = await send(app.listener, { method: 'POST', path, headers });
    assert.deepEqual([plain.status, plain.json.expiresInMs], [201, 60_000]);
    assert.equal((await postJson(app.listener, path, {}, headers)).status, 201);
    assert.equal((await postJson(app.listener, path, { for: 'ann' }, headers)).status, 400);
    assert.equal((await send(app.listener, { method: 'POST', path: `${path}?x=1`, headers })).status, 400);
    assert.equal((await send(app.listener, { path, headers })).status, 405);
  });
});
