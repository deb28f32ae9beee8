import assert from 'node:assert/strict';
import type { Change, Conflict, Refusal, Status } from '../../src/client/connect.ts';
import { Emitter } from '../../src/client/emitter.ts';
import { RefusedError } from '../../src/client/errors.ts';
import type { Fate } from './lossy-transport.ts';
import { WELL } from './lossy-transport.ts';
import { shown, World } from './world.ts';

/** The first fates in order, then none. */
function fates(what: 'post' | 'next', list: readonly Fate[]): (asked: 'post' | 'next') => Fate {
  const left = [...list];
  return (asked) => (asked === what ? (left.shift() ?? WELL) : WELL);
}

describe('the client library', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  async function live(options: Parameters<World['client']>[0] = {}) {
    const client = world.client(options);
    await world.pass(50);
    assert.equal(client.space.status, 'live');
    return client;
  }

  it('[SDK1] shows a change at once, apart from what the server has confirmed, and others a moment later', async () => {
    const [a, b] = [await live(), await live()];
    const card = a.space.item('card');
    const outcome = card.set({ x: 1 });
    assert.deepEqual([card.value, card.confirmed, card.version, card.saved], [{ x: 1 }, undefined, 0, false]);
    await world.pass(100);
    assert.deepEqual(await outcome, { item: 'card', result: 'ok', version: 1, durableVersion: 0 });
    assert.deepEqual([card.value, card.confirmed, card.version, card.saved], [{ x: 1 }, { x: 1 }, 1, true]);
    assert.deepEqual(shown(b.space, 'card'), { x: 1 });
    void b.space.item('card').merge({ y: 2 });
    await world.pass(100);
    assert.deepEqual(card.value, { x: 1, y: 2 });
    void card.delete();
    await world.pass(100);
    assert.deepEqual([shown(b.space, 'card'), b.space.items().length], [undefined, 0]);
  });

  it('[SDK2] numbers its requests and sends at most one in 50 ms, in which what belongs together is one update', async () => {
    const { space, net } = await live();
    const card = space.item('card');
    for (let x = 0; x < 10; x++) {
      void card.merge({ x });
      void space.item('other').set(x);
      await world.pass(10);
    }
    await world.pass(100);
    const posts = net.asked.filter(({ what }) => what === 'post');
    const times = posts.map(({ at }) => at);
    assert(posts.length >= 2 && posts.length <= 4, `${posts.length} posts`);
    assert(
      times.every((at, i) => i === 0 || at - (times[i - 1] ?? 0) >= 50),
      `${times}`,
    );
    assert.deepEqual(
      net.posts().map(({ seq }) => seq),
      posts.map((_, i) => i + 1),
    );
    assert(net.posts().every(({ updates }) => updates.length === 2));
    assert.deepEqual([world.server.value('card'), world.server.value('other')], [{ x: 9 }, 9]);
  });

  it('[SDK3] has one request on its way, and sends it again unchanged when its answer is lost', async () => {
    const { space, net } = await live();
    net.fate = fates('post', [{ kind: 'lostAnswer' }, { kind: 'lostRequest' }]);
    const log = space.item('log', 'journal');
    const outcomes = [log.post({ add: 'a' })];
    await world.pass(20);
    outcomes.push(log.post({ add: 'b' }));
    await world.pass(3_000);
    assert.deepEqual(world.server.value('log'), ['a', 'b']);
    assert.deepEqual(
      (await Promise.all(outcomes)).map(({ result }) => result),
      ['ok', 'ok'],
    );
    const [first, second, third, last] = net.posts();
    assert.deepEqual([second, third], [first, first]);
    assert.deepEqual([last?.seq, last?.updates.length], [2, 1]);
  });

  it('[SDK4] applies nothing twice when a request comes a second time, long after', async () => {
    const { space, net } = await live();
    net.fate = fates('post', [{ kind: 'twice', laterMs: 400 }]);
    void space.item('log', 'journal').post({ add: 'a' });
    await world.pass(100);
    void space.item('log', 'journal').post({ add: 'b' });
    await world.pass(1_000);
    assert.deepEqual(world.server.value('log'), ['a', 'b']);
    assert.deepEqual(shown(space, 'log'), ['a', 'b']);
  });

  it('[SDK5] tells both sides of a conflict, and shows what the others have made', async () => {
    const [a, b] = [await live(), await live()];
    void a.space.item('card').set('first');
    await world.pass(100);
    const conflicts: Conflict[] = [];
    const refusals: Refusal[] = [];
    b.space.item('card').on('conflict', (one) => conflicts.push(one));
    b.space.on('refused', (one) => refusals.push(one));
    const mine = b.space.item('card').set('mine', { ifVersion: 1 });
    world.server.post({ updates: [{ item: 'card', op: { set: 'theirs' } }] });
    await world.pass(200);
    assert.equal((await mine).result, 'conflict');
    assert.deepEqual(conflicts, [
      { item: 'card', mine: { op: { set: 'mine' }, ifVersion: 1 }, theirs: { version: 2, value: 'theirs' } },
    ]);
    assert.equal(refusals.length, 1);
    assert.equal(shown(b.space, 'card'), 'theirs');
  });

  it('[SDK63] a conflict whose answer had no room for the value is told with what the poll said', async () => {
    const [a, b] = [await live(), await live()];
    void a.space.item('card').set('first');
    await world.pass(100);
    const conflicts: Conflict[] = [];
    b.space.on('conflict', (one) => conflicts.push(one));
    const post = b.net.post.bind(b.net);
    b.net.post = async (...asked) => {
      const { epoch, results } = await post(...asked);
      return { epoch, results: results.map((result) => ({ ...result, value: undefined })) };
    };
    void b.space.item('card').set('mine', { ifVersion: 9 });
    await world.pass(200);
    assert.deepEqual(conflicts[0]?.theirs, { version: 1, value: 'first' });
    void b.space.item('card').set('mine', { ifVersion: 1 });
    world.server.post({ updates: [{ item: 'card', op: { set: 'theirs' } }] });
    await world.pass(200);
    assert.equal(conflicts[1]?.theirs.version, 2);
    assert.equal(shown(b.space, 'card'), 'theirs');
  });

  it('[SDK6] takes back what the server refuses, and of a request refused as a whole only what is at fault', async () => {
    const { space, net } = await live();
    net.fate = (what) => {
      const bad = net
        .posts()
        .at(-1)
        ?.updates.some(({ item }) => item === 'bad');
      return what === 'post' && bad ? { kind: 'refused', status: 400, code: 'badKey' } : WELL;
    };
    const outcomes = ['a', 'bad', 'b'].map((item) => space.item(item).set(1));
    assert.equal(shown(space, 'bad'), 1);
    await world.pass(500);
    assert.deepEqual(
      (await Promise.all(outcomes)).map(({ result }) => result),
      ['ok', 'problem', 'ok'],
    );
    assert.deepEqual(
      ['a', 'bad', 'b'].map((item) => shown(space, item)),
      [1, undefined, 1],
    );
  });

  it('[SDK7] goes through offline and catching-up to live again, and sends what was changed meanwhile', async () => {
    const { space, net } = await live();
    const seen: Status[] = [];
    space.on('status', (status) => seen.push(status));
    net.down = true;
    void space.item('card').set(1);
    await world.pass(45_000, 100);
    assert.equal(space.status, 'offline');
    assert.equal(shown(space, 'card'), 1);
    net.down = false;
    await world.until(() => world.server.value('card') === 1, 'it is sent');
    await space.flush();
    assert.equal(space.status, 'live');
    assert.deepEqual([seen[0], seen.at(-1)], ['not-saved', 'live']);
    assert(seen.includes('offline'));
  });

  it('[SDK8] is not-saved while news come in and writes do not get through', async () => {
    const { space, net } = await live();
    net.fate = (what) => (what === 'post' ? { kind: 'refused', status: 503, code: 'overloaded' } : WELL);
    void space.item('card').set(1);
    world.server.post({ updates: [{ item: 'other', op: { set: 2 } }] });
    await world.pass(2_000);
    assert.deepEqual([space.status, shown(space, 'other')], ['not-saved', 2]);
    net.fate = () => WELL;
    await world.until(() => space.status === 'live', 'it is saved');
    assert.equal(world.server.value('card'), 1);
  });

  it('[SDK9] honours Retry-After of polls and of posts, and asks again before it sends again', async () => {
    const { space, net } = await live();
    net.fate = fates('post', [{ kind: 'refused', status: 429, code: 'overloaded', retryAfterMs: 7_000 }]);
    void space.item('card').set(1);
    await world.pass(10_000);
    const [first, again] = net.asked.filter(({ what }) => what === 'post');
    assert(first && again && again.at - first.at >= 7_000, `${first?.at} ${again?.at}`);
    const looks = net.asked.filter(({ what, at }) => what === 'next' && at > first.at && at <= again.at);
    assert(looks.some(({ body, at }) => (body as { wait: number }).wait === 0 && at - first.at >= 7_000));
    net.fate = fates('next', [{ kind: 'refused', status: 503, code: 'stopping', retryAfterMs: 9_000 }]);
    world.server.post({ updates: [{ item: 'card', op: { set: 2 } }] });
    await world.pass(12_000);
    const polls = net.asked.filter(({ what }) => what === 'next').map(({ at }) => at);
    const gaps = polls.map((at, i) => at - (polls[i - 1] ?? at));
    assert(
      gaps.some((gap) => gap >= 9_000),
      `${gaps}`,
    );
  });

  it('[SDK10] gives up a poll that is silent 15 s longer than its wait, also where it cannot be aborted', async () => {
    const { space, net } = await live();
    net.fate = fates('next', [{ kind: 'silence' }]);
    world.server.post({ updates: [{ item: 'card', op: { set: 1 } }] });
    await world.pass(30_000, 100);
    world.server.post({ updates: [{ item: 'card', op: { set: 2 } }] });
    await world.pass(9_500, 100);
    assert.equal(shown(space, 'card'), 1);
    await world.pass(2_000, 100);
    assert.equal(shown(space, 'card'), 2);
  });

  it('[SDK11] replays what an earlier life left, under its numbers, and goes on after them', async () => {
    let kept: string | undefined;
    const storage = {
      load: () => kept,
      save: (text: string) => {
        kept = text;
      },
    };
    const before = world.client({ storage });
    await world.pass(50);
    before.net.fate = (what) => (what === 'post' ? { kind: 'lostAnswer' } : WELL);
    void before.space.item('log', 'journal').post({ add: 'sent' });
    await world.pass(100);
    void before.space.item('log', 'journal').post({ add: 'waiting' });
    await world.pass(20);
    before.space.close();
    const after = world.client({ storage });
    await world.pass(0);
    assert.deepEqual(shown(after.space, 'log'), ['sent', 'waiting']);
    await world.pass(1_000);
    assert.deepEqual(world.server.value('log'), ['sent', 'waiting']);
    assert.equal(after.space.clientId, before.space.clientId);
    assert.deepEqual(after.net.posts()[0], before.net.posts()[0]);
    assert.deepEqual(
      after.net.posts().map(({ seq }) => seq),
      [1, 2],
    );
    assert.deepEqual(shown(after.space, 'log'), ['sent', 'waiting']);
  });

  it('[SDK12] writes a number down before it sends it', async () => {
    let kept = '';
    let write: () => void = () => undefined;
    const storage = {
      load: () => undefined,
      save: (text: string) =>
        new Promise<void>((resolve) => {
          write = () => {
            kept = text;
            resolve();
          };
        }),
    };
    const { space, net } = await live({ storage });
    void space.item('card').set(1);
    await world.pass(500);
    assert.equal(net.posts().length, 0);
    while (net.posts().length === 0) {
      write();
      await world.pass(20);
    }
    assert.equal(JSON.parse(kept).nextSeq, 2);
  });

  it('[SDK13] takes another name where somebody else has used its numbers, and loses nothing', async () => {
    const { space } = await live();
    world.server.post({ clientId: space.clientId, seq: 1, updates: [{ item: 'card', op: { set: 'other tab' } }] });
    const before = space.clientId;
    const outcome = space.item('card').set('mine');
    await world.pass(500);
    assert.equal((await outcome).result, 'ok');
    assert.notEqual(space.clientId, before);
    assert.equal(world.server.value('card'), 'mine');
  });

  it('[SDK14] joins where the server knows clients, counts on from nextSeq, and shows who is there', async () => {
    const { space, net } = world.client({ name: 'ann' }, (one) => {
      one.joins = (clientId) => ({
        ...{ marker: 'e1:0', epoch: 'e1', upToDate: true, changesRemaining: 0, items: [] },
        ...{ clientId: clientId ?? '', generation: 1, leaseMs: 30_000, nextSeq: 41 },
        clients: [
          { id: clientId ?? '', name: 'ann', state: 'joined' },
          { id: 'bob', name: 'Bob', state: 'joined' },
        ],
      });
    });
    await world.pass(50);
    assert.deepEqual(
      space.clients.map(({ name }) => name),
      ['ann', 'Bob'],
    );
    void space.item('card').set(1);
    await world.pass(100);
    assert.deepEqual(
      net.posts().map(({ seq }) => seq),
      [41],
    );
    const polls = net.asked.filter(({ what }) => what === 'next').map(({ body }) => body as { clientId?: string });
    assert(polls.length > 0 && polls.every(({ clientId }) => clientId === space.clientId));
  });

  it('[SDK15] slows down when it is reset again and again', async () => {
    const { net } = await live();
    const before = net.asked.length;
    for (let i = 0; i < 300; i++) {
      world.server.lose();
      await world.pass(100, 50);
    }
    const polls = net.asked.length - before;
    assert(polls >= 4 && polls < 10, `${polls} polls in 30 s`);
  });

  it('[SDK16] ends with a failure that will not pass, says so, and answers what waits', async () => {
    const { space, net } = await live();
    const errors: unknown[] = [];
    space.on('error', (error) => errors.push(error));
    net.fate = () => ({ kind: 'refused', status: 401, code: 'unauthenticated' });
    const outcome = space.item('card').set(1);
    const flushed = assert.rejects(space.flush(), RefusedError);
    await world.pass(200);
    assert.equal((await outcome).result, 'closed');
    await flushed;
    assert.equal(space.status, 'offline');
    assert(space.failure instanceof RefusedError && errors.includes(space.failure));
    assert.equal((await space.item('card').set(2)).result, 'closed');
  });

  it('[SDK17] iterates over changes; a slow reader gets the last state of each item', async () => {
    const [a, b] = [await live(), await live()];
    const stop = new AbortController();
    const taken: Change[] = [];
    const reading = (async () => {
      for await (const change of b.space.changes({ signal: stop.signal })) {
        taken.push(change);
        await world.clock.sleep(1_000);
      }
    })();
    for (let x = 0; x < 10; x++) {
      void a.space.item('card').set(x);
      await world.pass(100);
    }
    await world.pass(3_000);
    stop.abort();
    await world.pass(2_000);
    await reading;
    assert(taken.length >= 2 && taken.length <= 4, `${taken.length}`);
    assert.deepEqual([taken[0]?.value, taken.at(-1)?.value], [0, 9]);
    assert.deepEqual(
      taken.slice(1).map(({ before }) => before),
      taken.slice(0, -1).map(({ value }) => value),
    );
  });

  it('[SDK18] takes back an update whose signal aborts before it is sent, and no other', async () => {
    const { space, net } = await live();
    net.fate = fates('post', [{ kind: 'refused', status: 503, code: 'overloaded', retryAfterMs: 1_000 }]);
    const stop = new AbortController();
    const sent = space.item('card').set(1, { signal: stop.signal });
    await world.pass(100);
    const kept = space.item('card').merge({ y: 1 });
    const waiting = space.item('card').merge({ x: 2 }, { signal: stop.signal });
    stop.abort();
    assert.equal((await waiting).result, 'withdrawn');
    await world.pass(3_000);
    assert.deepEqual([(await sent).result, (await kept).result], ['ok', 'ok']);
    assert.deepEqual(world.server.value('card'), { y: 1 });
  });

  it('[SDK19] sends the fence of its lock, renews it, and has the last change of a series released', async () => {
    const { space, net } = await live();
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    const card = space.item('card');
    const told: boolean[] = [];
    card.on('lock', (held) => told.push(held));
    assert.deepEqual(await card.lock(), { held: true, ttlMs: 9_000 });
    await world.pass(7_000, 100);
    assert.equal(net.asked.filter(({ what }) => what === 'lock').length, 3);
    void card.set(1);
    const released = card.release();
    await world.pass(200);
    await released;
    assert.deepEqual(net.posts().at(-1)?.updates, [{ item: 'card', op: { set: 1 }, release: true, fence: 7 }]);
    assert.deepEqual([card.locked, told], [false, [true, false]]);
    await card.lock();
    await card.release();
    assert.equal(net.asked.filter(({ what }) => what === 'unlock').length, 1);
    net.locks = () => {
      throw new RefusedError(423, { holder: 'bob' } as never, undefined);
    };
    assert.deepEqual(await card.lock(), { held: false, holder: 'bob' });
  });

  it('[SDK19] a lock is given back also where the last change is on its way just then', async () => {
    const { space, net } = await live();
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    const card = space.item('card');
    await card.lock();
    net.delay = () => 400;
    void card.set(1);
    await world.pass(200);
    assert.equal(net.posts().at(-1)?.updates[0]?.item, 'card');
    const released = card.release();
    await world.pass(2_000);
    assert.equal(net.asked.filter(({ what }) => what === 'unlock').length, 1);
    await released;
    assert.equal(card.locked, false);
  });

  it('[SDK19] a lock is given back also where the last change is refused', async () => {
    const { space, net } = await live();
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    const card = space.item('card');
    await card.lock();
    const last = card.set(1, { ifVersion: 77 });
    const released = card.release();
    await world.pass(500);
    await released;
    assert.equal((await last).result, 'conflict');
    assert.deepEqual(
      net.asked.filter(({ what }) => what === 'unlock').map(({ body }) => body),
      ['card'],
    );
    void card.set(2);
    void card.release();
    await world.pass(500);
    assert.equal(net.asked.filter(({ what }) => what === 'unlock').length, 1);
  });

  it('[SDK20] what one listener throws does not keep the others from hearing', () => {
    const [heard, thrown]: [unknown[], unknown[]] = [[], []];
    const emitter = new Emitter<{ change: number }>((error) => thrown.push(error));
    emitter.on('change', () => {
      throw new Error('of the page');
    });
    const stop = emitter.on('change', (value) => heard.push(value));
    emitter.emit('change', 1);
    stop();
    emitter.emit('change', 2);
    assert.deepEqual([heard, thrown.length], [[1], 2]);
  });
});
