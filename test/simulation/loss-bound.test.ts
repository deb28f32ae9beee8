import assert from 'node:assert/strict';
import { must } from '../../src/base/assert.ts';
import { CALM } from './config-base.ts';
import { CONFIGS } from './configs.ts';
import { lossDeadline, storedAfterMs } from './loss-bound.ts';
import { createNaiveEngine } from './naive-engine.ts';
import { World } from './world.ts';

function worldOf(config = CALM): World {
  return new World(1, config, createNaiveEngine);
}

describe('until when an update may be lost', () => {
  const world = worldOf();
  const bound = lossDeadline(world, 0);

  it('[SI25] a fixed time after it was acknowledged', () => {
    assert.equal(lossDeadline(world, 5_000), 5_000 + bound);
    assert.ok(bound >= world.fleet.engineConfig.persistMs);
  });

  it('[SI25] from the end of each outage on that began before that time had come, and of no other', () => {
    const away = worldOf();
    away.history.outages.push({ from: 1_000, until: 4_000 });
    away.history.outages.push({ from: 4_000 + bound - 1, until: 9_000 + bound });
    away.history.outages.push({ from: 9_000 + 3 * bound, until: 10_000 + 3 * bound });
    assert.equal(lossDeadline(away, 0), 9_000 + 2 * bound);
    assert.equal(lossDeadline(away, 9_000 + bound), 9_000 + 2 * bound);
    assert.equal(lossDeadline(away, 9_500 + bound), 9_500 + 2 * bound);
  });

  it('[SI25] later where a ledger shard was lost, by the coarse and skewed stamps of the index', () => {
    const config = must(CONFIGS.get('all'), 'a configuration');
    const lost = worldOf(config);
    lost.history.count('evictLedger');
    assert.ok(storedAfterMs(lost) > storedAfterMs(worldOf(config)));
    assert.equal(lossDeadline(lost, 0) - lossDeadline(worldOf(config), 0), 10_000 + 2 * config.clock.skewMs + 20_000);
  });
});
