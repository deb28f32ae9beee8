import assert from 'node:assert/strict';
import { AdaptiveLimit } from '../../../src/backends/store/adaptive-limit.ts';
import { backoffMs, retry } from '../../../src/backends/store/backoff.ts';
import { HastyClock } from './scripted-driver.ts';

const fixed = (fraction: number) => ({ fraction: () => fraction, id: () => 'id' });

describe('back-off', () => {
  it('[ST37] doubles up to two seconds, at random between half and all of it', () => {
    const waits = (fraction: number) => [1, 2, 3, 8, 50].map((failures) => backoffMs(failures, fixed(fraction)));
    assert.deepEqual(waits(0), [10, 20, 40, 1000, 1000]);
    assert.deepEqual(waits(1), [20, 40, 80, 2000, 2000]);
  });

  it('[ST37] ends with the last error before the deadline would pass, or at once where a repeat does not help', async () => {
    const clock = new HastyClock();
    const lefts: number[] = [];
    const attempt = async (leftMs: number): Promise<never> => {
      lefts.push(leftMs);
      throw new Error(`failure ${lefts.length}`);
    };
    const options = { clock, random: fixed(1), deadline: 100, mayRetry: () => true };
    await assert.rejects(retry(attempt, options), /failure 3/);
    assert.deepEqual(lefts, [100, 80, 40]);
    await assert.rejects(retry(attempt, { ...options, mayRetry: () => false }), /failure 4/);
  });
});

describe('adaptive limit', () => {
  it('[ST35] grows with success up to its bound and is halved once for each wave that is turned away', () => {
    const limit = new AdaptiveLimit(4, 5);
    for (let at = 0; at < 20; at++) limit.succeeded();
    assert.equal(limit.limit, 5);
    for (let at = 0; at < 5; at++) limit.enter();
    assert.equal(limit.hasRoom, false);
    const wave = (): void => {
      for (let at = 0; at < 5; at++) limit.turnedAway();
    };
    wave();
    assert.equal(limit.limit, 2);
    wave();
    wave();
    wave();
    assert.equal(limit.limit, 1);
    for (let at = 0; at < 5; at++) limit.leave();
    assert.equal(limit.hasRoom, true);
  });
});
