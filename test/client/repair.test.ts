import assert from 'node:assert/strict';
import { emptyChain, extend, jump, MAX_KEPT, stored } from '../../src/client/chain.ts';
import { Losses } from '../../src/client/losses.ts';
import { WELL } from './lossy-transport.ts';
import type { Joiner } from './world.ts';
import { shown, World } from './world.ts';

describe('repair after the cache was lost', () => {
  let world: World;
  let a: Joiner;
  let b: Joiner;

  beforeEach(async () => {
    world = new World();
    [a, b] = [world.client(), world.client()];
    await world.pass(50);
  });
  afterEach(() => world.close());

  const log = ({ space }: Joiner) => space.item('log', 'journal');
  const add = (joiner: Joiner, text: string) => log(joiner).post({ add: text });

  it('[SDK30] brings back what others had made and have left, in order', async () => {
    for (const text of ['1', '2', '3']) {
      void add(a, text);
      await world.pass(100);
    }
    a.space.close();
    world.server.lose();
    assert.deepEqual(world.server.value('log'), ['1']);
    const told: unknown[] = [];
    b.space.on('restored', ({ item, result }) => told.push([item, result.result]));
    await world.pass(500);
    assert.deepEqual(world.server.value('log'), ['1', '2', '3']);
    assert.deepEqual([shown(b.space, 'log'), told], [['1', '2', '3'], [['log', 'ok']]]);
  });

  it('[SDK31] brings back the last value of a register, by its own update', async () => {
    void a.space.item('card').set({ x: 1 });
    await world.pass(100);
    void a.space.item('card').merge({ x: 2 });
    await world.pass(100);
    void b.space.item('card').merge({ y: 3 });
    await world.pass(100);
    b.space.close();
    world.server.lose();
    assert.deepEqual(world.server.value('card'), { x: 1 });
    await world.pass(500);
    assert.deepEqual(world.server.value('card'), { x: 2, y: 3 });
    const restore = a.net.posts().findLast(({ updates }) => updates[0]?.restore)?.updates[0]?.restore;
    assert.deepEqual([restore?.from, restore?.deltas.at(-1)?.op], [1, { set: { x: 2, y: 3 } }]);
  });

  it('[SDK32] sends what was acknowledged but not yet seen again under its number: once, whoever restores', async () => {
    void add(a, '1');
    await world.pass(100);
    b.net.fate = (what) => (what === 'next' ? { kind: 'lostAnswer' } : WELL);
    const acked = add(a, '2');
    await world.pass(0);
    world.server.post({
      clientId: a.space.clientId,
      seq: 2,
      updates: [{ item: 'log', kind: 'journal', op: { add: '2' } }],
    });
    await world.pass(100);
    assert.equal((await acked).result, 'ok');
    a.net.fate = (what) => (what === 'next' ? { kind: 'lostAnswer' } : WELL);
    await world.pass(10);
    world.server.lose();
    b.net.fate = () => WELL;
    a.net.fate = () => WELL;
    await world.pass(40_000, 50);
    assert.deepEqual(world.server.value('log'), ['1', '2']);
    assert.deepEqual(
      [shown(a.space, 'log'), shown(b.space, 'log')],
      [
        ['1', '2'],
        ['1', '2'],
      ],
    );
  });

  it('[SDK33] restores before it sends anything new', async () => {
    void add(a, '1');
    await world.pass(100);
    void add(b, '2');
    await world.pass(100);
    a.net.down = true;
    b.space.close();
    world.server.lose();
    void add(a, '3');
    await world.pass(1_000);
    a.net.down = false;
    await world.until(() => (world.server.value('log') as string[]).length >= 3, 'all is there');
    assert.deepEqual(world.server.value('log'), ['1', '2', '3']);
  });

  it('[SDK34] restores nothing that is stored, deleted, or stands, and tries once only', async () => {
    void add(a, '1');
    void a.space.item('gone').set(1);
    await world.pass(100);
    void add(a, '2');
    void a.space.item('gone').set(2);
    await world.pass(100);
    world.server.persist();
    world.server.post({ updates: [{ item: 'gone', op: { delete: true } }] });
    await world.pass(100);
    world.server.lose();
    await world.pass(2_000);
    const restores = [...a.net.posts(), ...b.net.posts()].filter(({ updates }) => updates.some((one) => one.restore));
    assert(restores.length <= 2, `${restores.length}`);
    assert.deepEqual([world.server.value('log'), world.server.value('gone')], [['1', '2'], undefined]);
  });

  it('[SDK35] brings everything back from two clients at once, nothing twice', async () => {
    for (let n = 0; n < 12; n++) {
      void add(n % 2 ? a : b, String(n));
      await world.pass(30);
    }
    world.server.lose();
    await world.pass(2_000);
    const texts = world.server.value('log') as string[];
    assert.deepEqual([...texts].sort(), Array.from({ length: 12 }, (_, n) => String(n)).sort());
    assert.deepEqual([shown(a.space, 'log'), shown(b.space, 'log')], [texts, texts]);
  });

  it('[SDK36] a server that begins anew, with lower versions, is followed', async () => {
    for (let n = 0; n < 5; n++) {
      void a.space.item('card').set(n);
      await world.pass(100);
    }
    const fresh = new World();
    fresh.server.epoch = 9;
    fresh.server.post({ updates: [{ item: 'card', op: { set: 'anew' } }] });
    Object.assign(world.server, {
      next: (question: never) => fresh.server.next(question),
      post: (request: never) => fresh.server.post(request),
    });
    world.server.lose();
    await world.pass(1_000);
    assert.deepEqual([shown(a.space, 'card'), a.space.item('card').version], ['anew', 1]);
  });
});

describe('repair after several losses, and of single items', () => {
  let world: World;
  let a: Joiner;
  let b: Joiner;

  beforeEach(async () => {
    world = new World();
    [a, b] = [world.client(), world.client()];
    await world.pass(50);
  });
  afterEach(() => world.close());

  const add = (joiner: Joiner, text: string) => joiner.space.item('log', 'journal').post({ add: text });
  const grow = async (...texts: string[]): Promise<void> => {
    for (const text of texts) {
      void add(a, text);
      await world.pass(100);
    }
  };

  it('[SDK42] a second loss before the first is made good takes nothing more', async () => {
    await grow('1', '2', '3');
    a.space.close();
    b.net.fate = (what) => (what === 'post' ? { kind: 'lostRequest' } : WELL);
    world.server.lose();
    await world.pass(300);
    assert.deepEqual(world.server.value('log'), ['1']);
    world.server.lose();
    b.net.fate = () => WELL;
    await world.pass(20_000, 50);
    assert.deepEqual(
      [world.server.value('log'), shown(b.space, 'log')],
      [
        ['1', '2', '3'],
        ['1', '2', '3'],
      ],
    );
  });

  it('[SDK42] what each of two losses took comes back, the older part from who had not restored it yet', async () => {
    await grow('1', '2', '3');
    b.net.down = true; // knows 1 to 3, and hears of no loss
    world.server.lose();
    a.net.fate = (what) => (what === 'post' ? { kind: 'lostRequest' } : WELL);
    await world.pass(300);
    a.space.close(); // takes with it what it has not restored
    const c = world.client();
    await world.pass(100);
    for (const text of ['new 1', 'new 2']) {
      void add(c, text);
      await world.pass(100);
    }
    world.server.lose();
    await world.pass(2_000);
    assert.deepEqual(world.server.value('log'), ['1', 'new 1', 'new 2']);
    b.net.down = false;
    await world.until(() => (world.server.value('log') as string[]).length > 4, 'the older part is back');
    assert.deepEqual(world.server.value('log'), ['1', 'new 1', 'new 2', '2', '3']);
    await world.pass(1_000);
    assert.deepEqual(shown(c.space, 'log'), world.server.value('log'));
  });

  it('[SDK43] what has gone back but is not stored goes back again', () => {
    const chain = extend(emptyChain(3), [{ version: 4, op: { add: '4' } }]);
    const lost = { chain, mine: [], covered: [], from: 3, version: 4, value: undefined };
    const losses = new Losses();
    losses.add(lost);
    losses.replace(lost, undefined);
    losses.returned(lost, 21, 'e2', 20);
    losses.lose({ ...lost, chain: emptyChain(21) }, () => true);
    assert.deepEqual(losses.all, [lost]);
    losses.replace(losses.all[0] as typeof lost, undefined);
    losses.returned(lost, 21, 'e2', 20);
    losses.stored(21);
    losses.lose({ ...lost, chain: emptyChain(21) }, () => true);
    assert.deepEqual(losses.all, []);
  });

  it('[SDK44] an item that went back alone, within the epoch, is brought back, and nothing is reset', async () => {
    await grow('1', '2', '3');
    a.space.close();
    const resets: unknown[] = [];
    b.space.on('reset', (reason) => resets.push(reason));
    world.server.evict('log');
    assert.deepEqual(world.server.value('log'), ['1']);
    await world.pass(500);
    assert.deepEqual(
      [world.server.value('log'), shown(b.space, 'log')],
      [
        ['1', '2', '3'],
        ['1', '2', '3'],
      ],
    );
    assert.deepEqual(resets, []);
    const sent = b.net.posts().length;
    await world.pass(60_000, 500);
    assert.equal(b.net.posts().length, sent, 'once');
  });

  it('[SDK44] an answer that comes after the news of the rollback does not count', async () => {
    await grow('1', '2');
    a.net.fate = (what) => (what === 'post' ? { kind: 'lostAnswer' } : WELL);
    a.net.delay = () => 30;
    const third = add(a, '3');
    await world.pass(60);
    world.server.evict('log');
    a.net.fate = () => WELL;
    await world.pass(5_000);
    assert.equal((await third).result, 'ok');
    assert.deepEqual(world.server.value('log'), ['1', '2', '3']);
  });

  it('[SDK91] an answer of an epoch that is not known here yet settles nothing: its request is repeated when it is', async () => {
    a.net.fate = (what) => (what === 'next' ? { kind: 'lateAnswer', laterMs: 500 } : WELL);
    await grow('1');
    await world.pass(1_000);
    world.server.lose();
    const before = a.net.posts().length;
    let result: string | undefined;
    void add(a, '2').then((outcome) => {
      result = outcome.result;
    });
    await world.pass(200);
    assert.deepEqual([world.server.value('log'), result], [['1', '2'], undefined]);
    await world.pass(3_000);
    const [first, second, ...more] = a.net.posts().slice(before);
    assert.deepEqual([result, second, more], ['ok', first, []]);
    assert.deepEqual(
      [world.server.value('log'), shown(a.space, 'log')],
      [
        ['1', '2'],
        ['1', '2'],
      ],
    );
  });
});

describe('the chain of an item', () => {
  const delta = (version: number, seq?: number) => ({
    version,
    op: { add: `${version}` },
    ...(seq !== undefined && { clientId: 'c', seq }),
  });
  const versions = (chain: { readonly deltas: readonly { readonly version: number }[] }) =>
    chain.deltas.map(({ version }) => version);

  it('[SDK37] holds what is newer than what is stored, each version once', () => {
    const chain = extend(extend(emptyChain(2), [delta(3), delta(4)]), [delta(4), delta(6)]);
    assert.deepEqual([chain.from, versions(chain)], [2, [3, 4, 6]]);
    const later = stored(chain, 4);
    assert.deepEqual([later.from, versions(later), later.chars], [4, [6], JSON.stringify(delta(6).op).length]);
    assert.deepEqual(stored(chain, 1), chain);
    assert.deepEqual(stored(chain, 9), emptyChain(9));
  });

  it('[SDK38] begins anew at a value, unless the kind has an operation that makes it', () => {
    const chain = extend(emptyChain(2), [delta(3), delta(4, 1)]);
    assert.deepEqual(jump(chain, 7, 2, undefined), emptyChain(7));
    const whole = { version: 7, op: { set: 1 } };
    assert.deepEqual([jump(chain, 7, 2, whole).from, versions(jump(chain, 7, 2, whole))], [2, [4, 7]]);
    assert.deepEqual(jump(chain, 7, 7, whole), emptyChain(7));
  });

  it('[SDK39] is bounded; one that is full keeps its beginning and takes no more until that is stored', () => {
    const full = extend(
      emptyChain(0),
      Array.from({ length: MAX_KEPT + 5 }, (_, i) => delta(i + 1)),
    );
    assert.deepEqual([full.deltas.length, full.full], [MAX_KEPT, true]);
    const part = stored(full, 10);
    assert.deepEqual(versions(extend(part, [delta(MAX_KEPT + 6)])).at(-1), MAX_KEPT);
    assert.equal(stored(full, MAX_KEPT + 5).full, false);
  });
});
