import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DEFAULT_ENGINE_CONFIG } from '../../src/core/engine-types.ts';
import { admit, decideFlush, type FlushCandidate, refusalAges } from '../../src/core/flush-policy.ts';

const config = { persistMs: 5_000 };
const item = (over: Partial<FlushCandidate> = {}): FlushCandidate => ({
  since: 1_000,
  movedAt: 1_000,
  stored: false,
  failedAt: 0,
  failures: 0,
  ...over,
});

describe('the flush policy', () => {
  it('[DU50] a change is stored N after it came, however often the item moves since', () => {
    assert.deepEqual(decideFlush(item({ movedAt: 5_900 }), 5_999, config), { do: 'wait', until: 6_000 });
    assert.deepEqual(decideFlush(item({ movedAt: 5_900 }), 6_000, config), { do: 'store' });
  });

  it('[DU50] stored and still: it waits until 2 N after the last move, then it is closed', () => {
    assert.deepEqual(decideFlush(item({ stored: true }), 6_000, config), { do: 'wait', until: 11_000 });
    assert.deepEqual(decideFlush(item({ stored: true }), 11_000, config), { do: 'close' });
    assert.deepEqual(decideFlush(item(), 11_000, config), { do: 'close' });
  });

  it('[DU51] after a failure it waits 100 ms, twice as long each time, at most 5 s', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 20].map((failures) => {
      const decision = decideFlush(item({ failures, failedAt: 20_000, movedAt: 19_000 }), 20_000, config);
      return decision.do === 'wait' ? decision.until - 20_000 : 0;
    });
    assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('[DU50] no unstored change ever waits beyond N, no item beyond 2 N of rest, unless it failed', () => {
    const time = fc.nat(50_000);
    fc.assert(
      fc.property(time, time, time, fc.boolean(), (since, moved, passed, stored) => {
        const movedAt = since + moved;
        const now = movedAt + passed;
        const decision = decideFlush(item({ since, movedAt, stored }), now, config);
        if (decision.do === 'wait') {
          assert.ok(decision.until > now);
          assert.ok(stored || decision.until <= since + 5_000);
          assert.ok(decision.until <= movedAt + 10_000);
        }
      }),
    );
  });

  it('[DU52] what is stored in its time is never refused, however long that is', () => {
    const { persistMs: usual, refuseFirstAfterMs, refuseAllAfterMs } = DEFAULT_ENGINE_CONFIG;
    assert.deepEqual(refusalAges(usual), { refuseFirstAfterMs, refuseAllAfterMs });
    for (const persistMs of [100, 5_000, 60_000, 600_000]) {
      const limits = { ...refusalAges(persistMs), maxDirtyItems: 10 };
      const of = (late: number) => admit({ oldestDirtyMs: persistMs + late, dirtyItems: 1 }, limits);
      assert.deepEqual([of(50_000), of(56_000), of(294_000), of(296_000)], ['all', 'notFirst', 'notFirst', 'none']);
    }
  });

  it('[DU52] beyond a minute of lag no first updates, beyond five or too many items none at all', () => {
    const limits = { refuseFirstAfterMs: 60_000, refuseAllAfterMs: 300_000, maxDirtyItems: 10 };
    const of = (oldestDirtyMs: number, dirtyItems = 1) => admit({ oldestDirtyMs, dirtyItems }, limits);
    assert.deepEqual([of(60_000), of(60_001), of(300_000), of(300_001)], ['all', 'notFirst', 'notFirst', 'none']);
    assert.deepEqual([of(0, 10), of(0, 11)], ['all', 'none']);
  });
});
