import assert from 'node:assert/strict';
import type { CasToken } from '../../src/ports/cache.ts';
import { isFailure } from '../../src/ports/failure.ts';
import { CacheWorld } from './cache-world.ts';
import { CALM } from './config-base.ts';
import type { CacheFaults } from './faults.ts';
import { Scheduler, SimProcess } from './scheduler.ts';
import { Seeded } from './seeded.ts';
import { SimCache } from './sim-cache.ts';
import { SPACES } from './world.ts';

const KEY = 'i/space/item';

function setUp(seed: number, faults: Partial<CacheFaults> = {}, nodes = 1) {
  const scheduler = new Scheduler(new Seeded(seed));
  const world = new CacheWorld(scheduler, new Seeded(seed + 1), { ...CALM.cache, ...faults }, nodes);
  const cache = new SimCache(world, new SimProcess('a'));
  const drive = <T>(work: Promise<T>) => scheduler.drive(work, 10_000);
  const read = () => world.read(KEY)?.value.toString();
  return { scheduler, world, cache, drive, read };
}

async function created({ cache, drive }: ReturnType<typeof setUp>): Promise<CasToken> {
  const token = await drive(cache.add(KEY, Buffer.from('old')));
  assert.ok(token);
  return token;
}

describe('the simulated cache', () => {
  it('[SI6] refuses a token of an earlier life, though the cache counts from 1 again', async () => {
    const sim = setUp(1);
    const token = await created(sim);
    sim.world.restart();
    await sim.drive(sim.cache.add(KEY, Buffer.from('new')));
    assert.deepEqual(await sim.drive(sim.cache.cas(KEY, Buffer.from('stale'), token)), { status: 'conflict' });
    assert.equal(sim.read(), 'new');
  });

  it('[SI7] leaves an unanswered cas undone, done, or done after the caller gave up', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const sim = setUp(seed);
      const token = await created(sim);
      sim.world.faults = { ...CALM.cache, unclear: 1, lateMs: 500 };
      await assert.rejects(
        sim.drive(sim.cache.cas(KEY, Buffer.from('new'), token)),
        (error) => isFailure(error, 'cacheUnavailable') && error.unclear,
      );
      const then = sim.read();
      await sim.drive(sim.scheduler.sleep(1_000));
      outcomes.add(`${then}, ${sim.read()}`);
    }
    assert.deepEqual([...outcomes].sort(), ['new, new', 'old, new', 'old, old']);
  });

  it('[SI8] lets others act between a cas and the reads that follow it', async () => {
    const seen = new Set<string | undefined>();
    for (let seed = 1; seed <= 60; seed++) {
      const sim = setUp(seed, { latencyMs: 8 });
      const token = await created(sim);
      const other = new SimCache(sim.world, new SimProcess('b'));
      await sim.drive(other.add('f/space/', Buffer.from('1')));
      const [answer] = await sim.drive(
        Promise.all([
          sim.cache.casThenGet(KEY, Buffer.from('new'), token, ['f/space/']),
          other.set('f/space/', Buffer.from('2')),
        ]),
      );
      assert.equal(answer.cas.status, 'stored');
      seen.add(answer.read[0]?.value.toString());
    }
    assert.deepEqual([...seen].sort(), ['1', '2']);
  });

  it('[SI9] forgets what has outlived its time', async () => {
    const sim = setUp(1);
    await sim.drive(sim.cache.add(KEY, Buffer.from('old'), 5));
    await sim.drive(sim.scheduler.sleep(4_900));
    assert.equal(sim.read(), 'old');
    await sim.drive(sim.scheduler.sleep(200));
    assert.equal(sim.read(), undefined);
  });

  it('[SI26] a node that restarts, or is away, takes nothing from the others', async () => {
    const sim = setUp(1, {}, 2);
    const [own, other] = SPACES.map((space) => `i/${space}/item`) as [string, string];
    const [lost, kept] = [
      await sim.drive(sim.cache.add(own, Buffer.from('old'))),
      await sim.drive(sim.cache.add(other, Buffer.from('old'))),
    ];
    assert.ok(lost && kept);
    sim.world.restartNode(sim.world.nodeOf('space'));
    await sim.drive(sim.cache.add(own, Buffer.from('new')));
    assert.equal((await sim.drive(sim.cache.cas(own, Buffer.from('stale'), lost))).status, 'conflict');
    assert.equal((await sim.drive(sim.cache.cas(other, Buffer.from('next'), kept))).status, 'stored');
    const both = await sim.drive(sim.cache.get([other, own]));
    assert.deepEqual(
      both.map((entry) => entry?.value.toString()),
      ['next', 'new'],
    );
    sim.world.takeDown(1_000, [sim.world.nodeOf('space')]);
    await assert.rejects(sim.drive(sim.cache.get([own])), (error) => isFailure(error, 'cacheUnavailable'));
    await assert.rejects(sim.drive(sim.cache.get([other, own])), (error) => isFailure(error, 'cacheUnavailable'));
    assert.equal((await sim.drive(sim.cache.get([other])))[0]?.value.toString(), 'next');
  });

  it('[SI27] two spaces are on two nodes', () => {
    const { world } = setUp(1, {}, 2);
    assert.deepEqual(SPACES.map((space) => world.nodeOf(space)).sort(), [0, 1]);
  });
});
