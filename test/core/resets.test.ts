import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { Markers } from '../../src/core/marker.ts';
import { NO_ROSTER } from '../../src/core/presence/tell-roster.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, SPACE } from '../support/engine-fixture.ts';

/** The same marker as another build would have sealed it with the same secret. */
function ofFormat(marker: string, format: number): string {
  const [head = '', seen = ''] = marker.split('.');
  const header = JSON.parse(Buffer.from(head.slice(4), 'base64url').toString());
  const text = `${head.slice(0, 4)}${Buffer.from(JSON.stringify({ ...header, f: format })).toString('base64url')}.${seen}`;
  const key = createHash('sha256').update('longshore marker one').digest();
  const mac = createHmac('sha256', key).update(`${SPACE}\n${text}`).digest().subarray(0, 16);
  return `${text}.${mac.toString('base64url')}`;
}

describe('GetUpdates: markers that cannot be gone on with', () => {
  it('[GU50] the epoch is lost: mustReset epoch with page 1 of a snapshot; what was not listed is gone', async () => {
    const world = new EngineWorld();
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: id }, { release: true });
    const chain = new Chain(world);
    await chain.next();
    const { epoch } = await world.poll({});
    world.restartCache();
    world.start();
    await world.ok('b', { delete: true }, { on: 1 });
    const response = await chain.page({ limit: 1 });
    assert.deepEqual(response.mustReset, { reason: 'epoch' });
    assert.equal(response.items.length, 1);
    assert.notEqual(response.epoch, epoch);
    const second = await chain.page({ limit: 1 });
    assert.equal(second.mustReset, undefined);
    await chain.next();
    assert.deepEqual(chain.values, { a: 'a', c: 'c' });
    assert.equal(chain.resets, 1);
  });

  it('[GU50] a parked poll learns of a lost cache', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 }, { release: true });
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.pass(300);
    world.restartCache();
    await world.pass(3_000);
    assert.deepEqual(parked.response.mustReset, { reason: 'epoch' });
  });

  it('[GU50] no marker goes on after the floor record alone was evicted', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const chain = new Chain(world);
    await chain.next();
    await world.ok('a', { set: 2 });
    await world.evict(/^f\//);
    assert.deepEqual((await chain.page()).mustReset, { reason: 'epoch' });
    await chain.next();
    assert.deepEqual(chain.values, { a: 2 });
    for (let i = 0; i < 8; i++) {
      await world.pass(1_000);
      await chain.next();
    }
    const { resets } = chain;
    await world.ok('a', { set: 3 });
    await chain.next();
    assert.deepEqual([chain.resets, chain.values], [resets, { a: 3 }]);
  });

  it('[GU58] a lost floor record does not reset a chain again and again', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const chain = new Chain(world);
    await chain.next();
    await world.evict(/^f\//);
    for (let i = 0; i < 20; i++) {
      await world.pass(500);
      await chain.next();
    }
    assert.ok(chain.resets >= 1 && chain.resets <= 3, `${chain.resets} resets in 10 s`);
  });

  it('[GU52] a marker of another format is a reset with reason schema', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    const response = await world.poll({ marker: ofFormat(marker, 99) });
    assert.deepEqual([response.mustReset, response.items.length], [{ reason: 'schema' }, 1]);
  });

  it('[GU51] a marker from the future is a reset', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    await world.snapshot();
    const floor = await world.floor();
    assert.ok(floor);
    const marker = { e: floor.e, T: floor.F + 60_000, filter: '', seen: new Map(), roster: NO_ROSTER };
    const response = await world.poll({ marker: new Markers(['one']).seal(SPACE, marker).text });
    assert.deepEqual(response.mustReset, { reason: 'epoch' });
    assert.equal(response.items.length, 1);
  });

  it('[GU52] a marker sealed with a key nobody knows any more is a reset; one of an older key of the list goes on', async () => {
    const world = new EngineWorld({ secrets: ['old'] });
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    world.start({ secrets: ['new', 'old'] });
    const rotated = await world.poll({ marker }, 1);
    assert.equal(rotated.mustReset, undefined);
    world.start({ secrets: ['new'] });
    const goesOn = await world.poll({ marker: rotated.marker }, 2);
    assert.equal(goesOn.mustReset, undefined);
    const dropped = await world.poll({ marker }, 2);
    assert.deepEqual(dropped.mustReset, { reason: 'epoch' });
  });

  it('[GU53] a malformed or forged marker, or one of another space, is 400 badMarker', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    const [head = '', seen = '', mac = ''] = marker.split('.');
    const forged = new Markers(['guess']).seal(SPACE, {
      e: 'e',
      T: 1,
      filter: '',
      seen: new Map(),
      roster: NO_ROSTER,
    }).text;
    const other = new Markers(['one']).seal('elsewhere', {
      e: 'e',
      T: 1,
      filter: '',
      seen: new Map(),
      roster: NO_ROSTER,
    }).text;
    const [, , forgedMac = ''] = forged.split('.');
    for (const text of [
      'x',
      '..',
      'a.b.c',
      `${head}.${seen}`,
      `${head}x.${seen}.${mac}`,
      `${head}.AAAA${seen}.${mac}`,
      `${head}.${seen}.${forgedMac}`,
      other,
    ]) {
      const problem = await world.pollProblem({ marker: text });
      assert.deepEqual([problem?.status, problem?.code], [400, 'badMarker'], text);
    }
  });

  it('[GU54] a marker older than the index is answered by the store scan, completely and without a reset', async () => {
    const world = new EngineWorld({ indexRetentionMs: 20_000, indexShardBytes: 1_024 });
    for (let i = 0; i < 10; i++) await world.ok(`a${i}`, { set: 0 });
    const chain = new Chain(world);
    await chain.next();
    const other = new Chain(world);
    for (let i = 0; i < 60; i++) {
      for (let k = 0; k < 5; k++) await world.ok(`a${k}`, { set: i });
      await world.ok(`new${i}`, { set: i }, { release: true });
      if (i === 30) await world.ok('a9', { delete: true });
      await world.pass(2_000, 250);
      await other.next();
    }
    await chain.next();
    assert.ok((world.at(0).counts.get('store_scans') ?? 0) > 0, 'the marker was too old for the index');
    assert.equal(chain.resets, 0);
    assert.deepEqual(chain.values, other.values);
  });

  it('[GU55] a lost index shard skips nothing: the store scan answers until the new shard may be trusted', async () => {
    const world = new EngineWorld({}, 2);
    for (let i = 0; i < 10; i++) await world.ok(`a${i}`, { set: 0 });
    const chain = new Chain(world);
    await chain.next();
    for (let round = 0; round < 8; round++) {
      await world.ok(`a${round}`, { set: `covered ${round}` });
      assert.ok((await world.evict(/^x\//)) > 0);
      await world.ok(`a${round + 1}`, { set: `after ${round}` }, { on: 1 });
      await chain.next();
      const fresh = new Chain(world);
      await fresh.next();
      assert.deepEqual(chain.values, fresh.values, `round ${round}`);
      await world.pass(900);
    }
    assert.equal(chain.resets, 0);
    for (let i = 0; i < 8; i++) {
      await world.pass(1_000);
      await chain.next();
    }
    world.at(0).counts.clear();
    await chain.next();
    assert.equal(world.at(0).counts.get('store_scans'), undefined);
  });

  it('[GU56] a lost ledger shard beside a lost index shard makes the scan useless: mustReset tooOld, nothing skipped', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const chain = new Chain(world);
    await chain.next();
    await world.ok('a', { set: 1 });
    await world.evict(/^[xd]\//);
    const response = await chain.page();
    assert.deepEqual(response.mustReset, { reason: 'tooOld' });
    await chain.next();
    assert.deepEqual(chain.values, { a: 1 });
  });

  it('[GU57] clocks that are wrong by minutes skip nothing', async () => {
    const world = new EngineWorld({}, 0);
    world.start({}, { skewMs: 0 });
    world.start({}, { skewMs: 240_000 });
    world.start({}, { skewMs: -240_000 });
    const chains = [new Chain(world), new Chain(world), new Chain(world)];
    for (let i = 0; i < 120; i++) {
      const on = world.random.int(3);
      await world.ok(`a${world.random.int(6)}`, { set: i }, { on });
      await world.pass(world.random.int(5) * 100);
      const reader = world.random.int(3);
      await chains[reader]?.next({}, world.random.int(3));
    }
    for (const chain of chains) {
      await chain.next({}, 2);
      const fresh = new Chain(world);
      await fresh.next({}, 0);
      assert.deepEqual(chain.values, fresh.values);
      assert.equal(chain.resets, 0);
    }
  });
});
