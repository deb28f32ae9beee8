import assert from 'node:assert/strict';
import { bodyKey, headKey, itemRowKey, valueRowKey } from '../../src/model/keys.ts';
import { decodeRow } from '../../src/model/row.ts';
import { MAX_HEAD_BYTES, MAX_RECORD_BYTES } from '../../src/protocol/limits.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';

const KB = 1_024;
const create = (text: string) => ({ create: { text } });
const at = (base: number, ...edits: unknown[]) => ({ base, edits });

async function created(text: string, world = new EngineWorld()): Promise<EngineWorld> {
  await world.ok('t', create(text), { kind: 'text' });
  return world;
}

async function textOf(world: EngineWorld, on = 0): Promise<unknown> {
  const [item] = (await world.snapshot(on)).items;
  return item && 'value' in item ? item.value : undefined;
}

/** One key after the other at the end; returns the last version. */
async function type(world: EngineWorld, keys: string, start: { v: number; length: number }, on = 0): Promise<number> {
  let { v, length } = start;
  for (const key of keys) ({ version: v } = await world.ok('t', at(v, [length++, 0, key]), { on }));
  return v;
}

describe('texts in the flows', () => {
  it('[TX13] the first operation on a new item has base 0, or creates it', async () => {
    const world = new EngineWorld();
    const first = await world.ok('t', at(0, [0, 0, 'abc']), { kind: 'text' });
    assert.equal(await textOf(world), 'abc');
    const late = await world.post('t', at(0, [0, 0, 'x']));
    assert.ok(late.result === 'resync' && late.value === 'abc' && late.version === first.version);
    const again = await world.post('t', create('x'));
    assert.ok(again.result === 'conflict' && again.value === 'abc');
    await world.ok('t', { delete: true });
    const gone = await world.post('t', at(first.version, [0, 0, 'x']), { kind: 'text' });
    assert.ok(gone.result === 'resync' && gone.value === null && gone.version === 0);
    await world.ok('t', at(0, [0, 0, 'anew']), { kind: 'text' });
    const old = await world.post('t', at(first.version, [0, 0, 'x']));
    assert.ok(old.result === 'resync' && old.value === 'anew', 'nothing of the former life is known');
  });

  it('[TX14] whoever was late is told what was missed, and how the operation was applied', async () => {
    const world = await created('hello');
    await world.ok('t', at(1, [0, 0, '> ']), { clientId: 'a', seq: 1 });
    const late = await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1 });
    assert.deepEqual(late.op, { edits: [[7, 0, '!']] });
    const [missed] = late.missed ?? [];
    assert.deepEqual([missed?.version, missed?.clientId, missed?.seq], [2, 'a', 1]);
    assert.deepEqual(missed?.op, { edits: [[0, 0, '> ']] });
    const near = await world.ok('t', at(3, [0, 0, '.']));
    assert.ok(!('missed' in near) && !('op' in near));
  });

  it('[TX15] a refusal carries what was missed, not the text', async () => {
    const world = await created('x'.repeat(100 * KB));
    await world.ok('t', at(1, [5, 0, 'a']), { clientId: 'a', seq: 1 });
    const refused = await world.post('t', at(1, [5, 0, 'b']), { clientId: 'b', seq: 1 });
    assert.ok(refused.result === 'conflict' && refused.version === 2 && refused.value === undefined);
    assert.deepEqual(refused.with, [{ version: 2, clientId: 'a', from: 5, to: 6 }]);
    assert.equal((refused.missed as unknown[]).length, 1);
  });

  it('[TX16] numbers that stand for no change are passed over', async () => {
    const world = await created('ab');
    world.clients.join('a');
    await world.run(world.at(0).engine.lock(SPACE, 't' as never, { clientId: 'a' }, { subject: 'anonymous' }, true));
    await world.run(world.at(0).engine.unlock(SPACE, 't' as never, 'a', { subject: 'anonymous' }, true));
    const version = (await world.snapshot()).items[0]?.version ?? 0;
    assert.ok(version > 1, 'the lock took numbers');
    assert.ok(!('missed' in (await world.ok('t', at(1, [2, 0, 'c'])))));
    const merged = await world.ok('t', at(version, [0, 0, '-']));
    assert.equal((merged.missed ?? []).length, 1);
    assert.equal(await textOf(world), '-abc');
  });

  it('[TX17] a repeat gets its first answer, also where it was refused, and heads do not grow by that', async () => {
    const world = await created('hello');
    const big = 'y'.repeat(5 * KB);
    await world.ok('t', at(1, [0, 0, big]), { clientId: 'a', seq: 1 });
    const late = await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1 });
    const refused = await world.post('t', at(1, [0, 0, 'z']), { clientId: 'c', seq: 1 });
    assert.equal(refused.result, 'conflict');
    const head = await world.head('t');
    assert.ok(JSON.stringify(head?.seqs).length < 500, JSON.stringify(head?.seqs).slice(0, 600));
    for (let turn = 0; turn < 2; turn++) {
      const repeat = await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1 });
      assert.deepEqual({ ...repeat, durableVersion: late.durableVersion }, late);
      const again = await world.post('t', at(1, [0, 0, 'z']), { clientId: 'c', seq: 1 });
      assert.deepEqual({ ...again, durableVersion: 1 }, refused);
    }
    await world.ok('t', at(3, [0, 0, '.']), { clientId: 'a', seq: 2 });
    const { durableVersion: _later, ...again } = await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1 });
    const { durableVersion: _then, ...first } = late;
    assert.deepEqual(again, first);
    const still = await world.post('t', at(1, [0, 0, 'z']), { clientId: 'c', seq: 1 });
    assert.ok(still.result === 'conflict' && still.version === 4, 'as of now, and never accepted');
    assert.equal((await world.row('t'))?.kind, 'text');
  });

  it('[TX17] a repeat of which the history has gone says so', async () => {
    const world = await created('hello');
    await world.ok('t', at(1, [0, 0, 'a']), { clientId: 'a', seq: 1 });
    await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1, release: true });
    await world.pass(3 * N);
    world.restartCache();
    const again = await world.ok('t', at(1, [5, 0, '!']), { clientId: 'b', seq: 1, release: true });
    assert.deepEqual([again.version, again.missed], [3, null]);
  });

  it('[TX18] a key costs what was typed of late, not the length of the text', async () => {
    for (const size of [1 * KB, 10 * KB, 100 * KB, 500 * KB]) {
      const world = await created('x'.repeat(size));
      const { cache, store } = world.at(0);
      let cached = 0;
      const { casThenGet, set } = cache;
      cache.casThenGet = (key, bytes, token, then) => {
        cached += bytes.length;
        assert.ok(bytes.length <= 32 * KB, `${bytes.length} in a head`);
        return casThenGet(key, bytes, token, then);
      };
      cache.set = (key, bytes, ttl) => {
        cached += bytes.length;
        assert.ok(bytes.length <= MAX_RECORD_BYTES);
        return set(key, bytes, ttl);
      };
      await type(world, 'abcdefghij'.repeat(60), { v: 1, length: size });
      assert.ok(cached / 600 < 20 * KB, `${cached / 600} bytes a key at ${size}`);
      assert.ok(store.writes.length < 8, `${store.writes.length}`);
      assert.equal((await textOf(world)) as string, 'x'.repeat(size) + 'abcdefghij'.repeat(60));
    }
  });

  it('[TX19] embedded, a key stores what was typed of late, and the text stands after a restart', async () => {
    const size = 400 * KB;
    const world = await created('x'.repeat(size), new EngineWorld({ durableAlways: true }));
    const { store } = world.at(0);
    const { transact } = store;
    let bytes = 0;
    store.transact = (keys, decide) =>
      transact.call(store, keys, (records) => {
        const decision = decide(records);
        for (const { record } of decision.changes) if (record !== 'delete') bytes += record.data.length;
        return decision;
      }) as never;
    const typed = 'abcdefghij'.repeat(60);
    let v = await type(world, typed.slice(0, 300), { v: 1, length: size });
    assert.ok(bytes / 300 < 20 * KB, `${bytes / 300} bytes a key`);
    for (let life = 0; life < 3; life++) {
      world.restartCache();
      assert.equal(await textOf(world), 'x'.repeat(size) + typed.slice(0, 300 + life * 100));
      v = (await world.snapshot()).items[0]?.version ?? 0;
      const length = size + 300 + life * 100;
      await type(world, typed.slice(300 + life * 100, 400 + life * 100), { v, length });
    }
    const [record] = await store.read([itemRowKey(SPACE, 't')]);
    assert.ok(record?.data.startsWith('2{'), 'builds that cannot read it must not');
  });

  it('[TX20] a text that becomes short, or goes, leaves nothing behind in the store', async () => {
    const world = await created('x'.repeat(40 * KB), new EngineWorld({ durableAlways: true }));
    const { store } = world.at(0);
    const value = async () => (await store.read([valueRowKey(SPACE, 't')]))[0];
    assert.ok(await value());
    await type(world, 'k'.repeat(300), { v: (await world.ok('t', at(1, [0, 40 * KB, '']))).version, length: 0 });
    const [record] = await store.read([itemRowKey(SPACE, 't')]);
    assert.deepEqual([await value(), record && decodeRow(record).body], [undefined, 'k'.repeat(300)]);
    await world.ok('t', at(302, [0, 0, 'y'.repeat(40 * KB)]));
    assert.ok(await value());
    await world.ok('t', { delete: true });
    assert.equal(await value(), undefined);
  });

  it('[TX21] ten servers by turns: each goes on from its own copy, and reads no body', async () => {
    const size = 200 * KB;
    const world = await created('x'.repeat(size), new EngineWorld({}, 3));
    let v = 1;
    for (let i = 0; i < 30; i++) v = await type(world, 'a', { v, length: size + i }, i % 3);
    for (const { cache } of world.instances) cache.calls.length = 0;
    for (let i = 30; i < 900; i++) v = await type(world, 'a', { v, length: size + i }, i % 3);
    const head = await world.head('t');
    assert.ok(head?.ref && head.segs.length > 0);
    for (const { cache } of world.instances) {
      const reads = cache.calls.filter(({ name, keys }) => name === 'get' && keys.some((key) => key.startsWith('b/')));
      assert.ok(reads.length <= 10, `${reads.length} reads beside the head`);
      const key = bodyKey(SPACE, head.ref?.key ?? '');
      assert.ok(!reads.some(({ keys }) => keys.includes(key)), 'not the body');
    }
    assert.equal(await textOf(world, 1), 'x'.repeat(size) + 'a'.repeat(900));
  });

  it('[TX22] at least 500 keys of the past are known, whatever the length of the text', async () => {
    for (const size of [0, 3 * KB, 60 * KB]) {
      const world = await created('x'.repeat(size));
      await type(world, 'k'.repeat(700), { v: 1, length: size });
      const late = await world.ok('t', at(150, [0, size ? 1 : 0, size ? '' : 'q']));
      assert.equal((late.missed ?? []).length, 551, `at ${size}`);
      const record = await world.record(headKey(SPACE, 't'));
      assert.ok((record?.length ?? 0) < MAX_HEAD_BYTES / 4);
    }
  });

  it('[TX23] a near reader gets deltas, however short the text; a far one the text', async () => {
    const world = await created('ab');
    const near = new Chain(world);
    await near.next();
    await type(world, 'cd', { v: 1, length: 2 });
    const [item] = (await near.page()).items;
    assert.ok(item && 'deltas' in item && item.deltas.length === 2);
    await type(world, 'e'.repeat(300), { v: 3, length: 4 });
    const [far] = (await near.page()).items;
    assert.ok(far && 'value' in far && far.value === `abcd${'e'.repeat(300)}`);
  });

  it('[TX24] a body that the cache lost is made again from the store', async () => {
    const world = await created('x'.repeat(50 * KB), new EngineWorld({ durableAlways: true }));
    const v = await type(world, 'abc'.repeat(30), { v: 1, length: 50 * KB });
    const other = world.start({ durableAlways: true });
    assert.ok((await world.evict(/^b\//)) > 0);
    const on = world.instances.indexOf(other);
    assert.equal(await textOf(world, on), 'x'.repeat(50 * KB) + 'abc'.repeat(30));
    await world.ok('t', at(v, [0, 1, '']), { on });
    assert.equal((await world.head('t'))?.L, 0, 'nothing was rolled back');
  });

  it('[TX44] a text sent whole is merged like any other edit, also from an older version', async () => {
    const world = await created('one two three');
    await world.ok('t', at(1, [0, 3, 'ONE']), { clientId: 'a', seq: 1 });
    await world.ok('t', at(2, [13, 0, '!']), { clientId: 'a', seq: 2 });
    const late = await world.ok('t', { base: 1, text: 'one 2 three' }, { clientId: 'b', seq: 1 });
    assert.equal(await textOf(world), 'ONE 2 three!');
    assert.deepEqual(late.op, { edits: [[4, 3, '2']] });
    const repeat = await world.ok('t', { base: 1, text: 'one 2 three' }, { clientId: 'b', seq: 1 });
    assert.deepEqual([repeat.version, repeat.missed], [late.version, late.missed]);
    const touching = await world.post('t', { base: 1, text: 'uno two three' }, { clientId: 'c', seq: 1 });
    assert.equal(touching.result, 'conflict');
    await world.ok('t', { base: 4, text: '' });
    await world.ok('t', { base: 0, text: 'first' }, { kind: 'text' }).catch(() => undefined);
    assert.equal(await textOf(world), '');
    await world.ok('u', { base: 0, text: 'first' }, { kind: 'text' });
    assert.equal((await world.snapshot()).items.length, 2);
  });

  it('[TX44] where the older text is not known any more it is resync, and what is no text is badOp', async () => {
    const world = await created('y'.repeat(3 * KB));
    await world.ok('t', at(1, [0, 2 * KB, '']), { clientId: 'a', seq: 1 });
    const lost = await world.post('t', { base: 1, text: 'y' });
    assert.ok(lost.result === 'resync' && lost.value === 'y'.repeat(KB));
    for (const op of [
      { base: 2, text: 'a\rb' },
      { base: 2, text: 5 },
      { base: 99, text: 'a' },
    ]) {
      const bad = await world.post('t', op);
      assert.ok(bad.result === 'invalid' && bad.code === 'badOp', JSON.stringify(bad));
    }
    const words = Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('');
    const large = await world.post('t', { base: 2, text: `a${words}b` });
    assert.ok(large.result === 'tooLarge' && large.limit === 20_000);
    await world.ok('r', { set: { base: 1, text: 'plain data' } });
    const other = await world.post('r', { base: 1, text: 'x' });
    assert.ok(other.result === 'invalid' && other.code === 'badOp');
  });

  it('[TX25, TX26] after a loss of the cache a chain brings back what was typed, beside what was typed since', async () => {
    const world = await created('hello world');
    const chain: { version: number; op: unknown; clientId: string; seq: number }[] = [];
    for (const [i, key] of [...', dear'].entries()) {
      const { version } = await world.ok('t', at(1 + i, [5 + i, 0, key]), { clientId: 'a', seq: i + 1 });
      chain.push({ version, op: { edits: [[5 + i, 0, key]] }, clientId: 'a', seq: i + 1 });
    }
    const from = (await world.row('t'))?.v ?? 0;
    assert.equal(from, 1, 'only the first is stored');
    const fresh = world.start();
    const on = world.instances.indexOf(fresh);
    world.at(0).kill();
    world.restartCache();
    await world.pollProblem({}, on);
    await world.pass(3_000);
    const back = (await world.snapshot(on)).items[0];
    assert.ok(back && 'value' in back && back.value === 'hello world', JSON.stringify(back));
    await world.ok('t', at(back.version, [11, 0, '!']), { clientId: 'b', seq: 1, on });
    const part = await world.ok('t', undefined, {
      restore: { from, deltas: chain.slice(0, 3) },
      on,
      clientId: 'c',
      seq: 1,
    });
    assert.equal(await textOf(world, on), 'hello, d world!');
    await world.ok('t', at(part.version, [0, 1, 'H']), { clientId: 'b', seq: 2, on });
    await world.ok('t', undefined, { restore: { from, deltas: chain }, on, clientId: 'd', seq: 1 });
    assert.equal(await textOf(world, on), 'Hello, dear world!');
    const repeat = await world.ok('t', at(6, [10, 0, 'r']), { clientId: 'a', seq: 6, on });
    assert.equal(await textOf(world, on), 'Hello, dear world!', 'a repeat of what was restored changes nothing');
    assert.ok(repeat.version > back.version);
    const garbage = { from, deltas: [{ version: 3, op: { edits: [[900, 0, 'x']] } }] };
    const refused = await world.post('t', undefined, { restore: garbage, on });
    assert.notEqual(refused.result, 'conflict');
    assert.equal(await textOf(world, on), 'Hello, dear world!');
  });
});
