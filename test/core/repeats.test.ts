import assert from 'node:assert/strict';
import type { Update } from '../../src/protocol/post-update.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';

const add = (text: string) => ({ add: text });

async function texts(world: EngineWorld, item = 'j', on = 0): Promise<unknown> {
  const found = (await world.snapshot(on)).items.find(({ id }) => id === item);
  return found && 'value' in found ? found.value : undefined;
}

describe('PostUpdate: order and repeats', () => {
  it('[PU30] the same request again gives the first answer again and changes nothing', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal' });
    const first = await world.ok('j', add('a'), { seq: 1 });
    const again = await world.ok('j', add('a'), { seq: 1 });
    assert.equal(again.version, first.version);
    assert.deepEqual(await texts(world), ['0', 'a']);
    assert.equal((await world.head('j'))?.v, first.version);
  });

  it('[PU30] also through another instance, after other writers, after an eviction, and after the item was closed', async () => {
    const world = new EngineWorld({}, 2);
    const first = await world.ok('j', add('a'), { seq: 1, kind: 'journal' });
    assert.equal((await world.ok('j', add('a'), { seq: 1, kind: 'journal', on: 1 })).version, first.version);
    await world.ok('j', add('b'), { clientId: 'other', seq: 9 });
    assert.equal((await world.ok('j', add('a'), { seq: 1, kind: 'journal', on: 1 })).version, first.version);
    await world.pass(4 * N);
    await world.evict(/^i\//);
    assert.equal((await world.ok('j', add('a'), { seq: 1, kind: 'journal' })).version, first.version);
    assert.deepEqual(await texts(world), ['a', 'b']);
  });

  it('[PU30] a repeat of a first update or a release is answered only when the store has it', async () => {
    const world = new EngineWorld();
    const { store } = world.at(0);
    await world.ok('a', { set: 0 });
    store.before = () => {
      store.down = true;
    };
    store.loses = () => false;
    const lost = await world.post('a', { set: 1 }, { seq: 1, release: true });
    store.before = undefined;
    assert.equal(lost.result, 'ok', 'this first one got through');
    const other = new EngineWorld();
    await other.ok('a', { set: 0 });
    other.at(0).store.down = true;
    assert.equal((await other.post('a', { set: 1 }, { seq: 1, release: true })).result, 'retry');
    assert.equal((await other.post('a', { set: 1 }, { seq: 1, release: true })).result, 'retry');
    other.at(0).store.down = false;
    const again = await other.ok('a', { set: 1 }, { seq: 1, release: true });
    assert.equal(again.durableVersion >= again.version, true);
    assert.deepEqual([(await other.row('a'))?.body, (await other.row('a'))?.open], [1, false]);
  });

  it('[PU31] a half-applied batch resumes: what was done repeats its answer, the rest runs', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal' });
    const updates: Update[] = [
      { item: 'j', op: add('a') },
      { item: 'k', op: add('b'), kind: 'journal' },
      { item: 'j2', op: add('c'), kind: 'journal' },
    ];
    world.at(0).store.down = true; // the open item takes it, the others would have to be opened
    const half = await world.postAll({ clientId: 'c', seq: 1, updates });
    assert.deepEqual(
      half.results.map(({ result }) => result),
      ['ok', 'retry', 'retry'],
    );
    world.at(0).store.down = false;
    const whole = await world.postAll({ clientId: 'c', seq: 1, updates });
    assert.deepEqual(
      whole.results.map(({ result }) => result),
      ['ok', 'ok', 'ok'],
    );
    const [before, after] = [half.results[0], whole.results[0]];
    assert.equal(after && 'version' in after && after.version, before && 'version' in before && before.version);
    assert.deepEqual(
      [await texts(world, 'j'), await texts(world, 'k'), await texts(world, 'j2')],
      [['0', 'a'], ['b'], ['c']],
    );
  });

  it('[PU32] an older seq than the remembered one is invalid seqTooOld and never applied', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal', seq: 3 });
    const late = await world.post('j', add('late'), { seq: 2 });
    assert.equal(late.result === 'invalid' && late.code, 'seqTooOld');
    assert.deepEqual(await texts(world), ['0']);
  });

  it('[PU33] another body, or another place in the batch, under a used seq is invalid seqReused', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal', seq: 3 });
    const other = await world.post('j', add('x'), { seq: 3, kind: 'journal' });
    assert.equal(other.result === 'invalid' && other.code, 'seqReused');
    const moved = await world.postAll({
      clientId: 'c',
      seq: 3,
      updates: [
        { item: 'k', op: { set: 1 } },
        { item: 'j', op: add('0'), kind: 'journal' },
      ],
    });
    const second = moved.results[1];
    assert.equal(second?.result === 'invalid' && second.code, 'seqReused');
    assert.deepEqual(await texts(world), ['0']);
  });

  it('[PU34] numbers belong to subject, client and item together', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal', seq: 5 });
    await world.ok('j', add('1'), { clientId: 'd', seq: 1 });
    await world.ok('k', add('2'), { kind: 'journal', seq: 4 });
    const updates = [{ item: 'j', op: add('3') }];
    const { results } = await world.postAll({ clientId: 'c', seq: 1, updates }, { subject: 'somebody else' });
    assert.equal(results[0]?.result, 'ok');
    assert.deepEqual(await texts(world), ['0', '1', '3']);
  });

  it('[PU34] client ids named like members of Object.prototype are ordinary', async () => {
    const world = new EngineWorld();
    for (const clientId of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
      await world.ok('j', add(clientId), { kind: 'journal', clientId, seq: 1 });
      await world.ok('j', add(clientId), { kind: 'journal', clientId, seq: 1 });
    }
    assert.deepEqual(await texts(world), ['constructor', 'toString', 'hasOwnProperty', '__proto__']);
  });

  it('[PU35] beyond 256 writers of an item the oldest are forgotten: their repeat is seqTooOld, never applied again', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 258; i++) await world.ok('j', add(`${i}`), { kind: 'journal', clientId: `w${i}`, seq: 10 + i });
    const forgotten = await world.post('j', add('0'), { kind: 'journal', clientId: 'w0', seq: 10 });
    assert.equal(forgotten.result === 'invalid' && forgotten.code, 'seqTooOld');
    const recent = await world.ok('j', add('257'), { kind: 'journal', clientId: 'w257', seq: 267 });
    assert.equal(recent.version, 258);
    assert.equal(((await texts(world)) as string[]).length, 258);
    await world.ok('j', add('next'), { kind: 'journal', clientId: 'w0', seq: 12 });
  });

  it('[PU36] without a clientId each request stands for itself', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('a'), { kind: 'journal' });
    await world.ok('j', add('a'), { kind: 'journal' });
    assert.deepEqual(await texts(world), ['a', 'a']);
  });

  it('[PU37] a refusal that was answered stays the answer: its repeat is not applied later', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const refused = await world.post('a', { set: 'mine' }, { seq: 1, ifVersion: 0 });
    assert.equal(refused.result, 'conflict');
    await world.ok('a', { delete: true });
    const again = await world.post('a', { set: 'mine' }, { seq: 1, ifVersion: 0 });
    assert.notEqual(again.result, 'ok');
  });

  it('[PU39] a repeat long afterwards makes no new version either', async () => {
    const world = new EngineWorld();
    const first = await world.ok('a', { set: 1 }, { seq: 1 });
    const chain = new Chain(world);
    for (let i = 0; i < 25; i++) {
      await world.pass(1_000);
      await chain.next();
    }
    const again = await world.ok('a', { set: 1 }, { seq: 1 });
    await chain.next();
    assert.equal(again.version, first.version);
    assert.deepEqual([(await world.head('a'))?.v, chain.delivered.get('a')], [first.version, [first.version]]);
  });

  it('[PU38] a cas whose answer was lost is settled: applied exactly once, under one version', async () => {
    const world = new EngineWorld();
    await world.ok('j', add('0'), { kind: 'journal' });
    for (const seq of [undefined, 1]) {
      const { cache } = world.at(0);
      let lost = 0;
      cache.loses = ({ name, keys }) => name === 'casThenGet' && keys[0]?.startsWith('i/') === true && lost++ === 0;
      await world.ok('j', add(`seq ${seq}`), seq === undefined ? {} : { seq });
      assert.ok(lost > 0);
      cache.loses = undefined;
    }
    assert.deepEqual(await texts(world), ['0', 'seq undefined', 'seq 1']);
  });

  it('[PU38] a commit whose answer was lost leaves a repeat that finds it', async () => {
    const world = new EngineWorld();
    const { store } = world.at(0);
    let lost = 0;
    store.loses = () => lost++ < 3;
    const first = await world.post('j', add('a'), { kind: 'journal', seq: 1 });
    assert.equal(first.result, 'retry');
    store.loses = undefined;
    await world.ok('j', add('a'), { kind: 'journal', seq: 1 });
    assert.deepEqual(await texts(world), ['a']);
  });
});
