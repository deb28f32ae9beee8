import assert from 'node:assert/strict';
import fc from 'fast-check';
import { baseOf, isCovered, mustLook, mustRemember, planCoverage, sinceAfterLoss } from '../../src/core/coverage.ts';
import { raisedFloor } from '../../src/core/floor.ts';
import { planIndexCompaction } from '../../src/core/mend-shard.ts';
import type { Floor } from '../../src/model/floor-record.ts';
import { sampleHead } from '../support/sample-heads.ts';

const floor = (F: number, e = 'e'): Floor => ({ e, F, born: 0, rec: false });
const time = fc.integer({ min: 0, max: 100_000 });

describe('coverage', () => {
  it('[CV2] a coverage is renewed when it is of another epoch or less than a third of it is left', () => {
    const N = 3_000;
    assert.deepEqual(planCoverage({ e: 'e', cu: 5_000 }, floor(3_999), N), { renew: false, e: 'e', cu: 5_000 });
    assert.deepEqual(planCoverage({ e: 'e', cu: 5_000 }, floor(4_000), N), { renew: true, e: 'e', cu: 7_000 });
    assert.deepEqual(planCoverage({ e: 'old', cu: 50_000 }, floor(0), N), { renew: true, e: 'e', cu: 3_000 });
  });

  it('[CV2] whatever is planned covers the floor it was planned with, and never reaches further than N beyond it', () => {
    fc.assert(
      fc.property(time, time, fc.constantFrom('e', 'other'), (cu, F, e) => {
        const plan = planCoverage({ e, cu: Math.min(cu, F + 5_000) }, floor(F), 5_000);
        assert.ok(isCovered(plan, floor(F)));
        assert.ok(plan.cu <= F + 5_000);
        assert.ok(plan.cu < sinceAfterLoss(floor(F), 5_000));
      }),
    );
  });

  it('[CV3] a change is covered while the floor read after it is of its epoch and at most its coverage', () => {
    assert.ok(isCovered({ e: 'e', cu: 10 }, floor(10)));
    assert.ok(!isCovered({ e: 'e', cu: 10 }, floor(11)));
    assert.ok(!isCovered({ e: 'other', cu: 10 }, floor(5)));
  });

  it('[CV3] covered means found: a reader whose marker is at most that floor must look', () => {
    fc.assert(
      fc.property(time, time, time, (cu, F, T) => {
        fc.pre(isCovered({ e: 'e', cu }, floor(F)) && T <= F);
        assert.ok(mustLook(cu, T));
      }),
    );
  });

  it('[CV4] the next marker remembers an item as long as an entry, its head or its load may name it again', () => {
    const head = sampleHead({ e: 'e', cu: 10, ku: -1 });
    assert.ok(mustRemember(head, 20, 'e', 20));
    assert.ok(!mustRemember(head, 19, 'e', 20));
    assert.ok(mustRemember(head, -1, 'e', 10));
    assert.ok(!mustRemember(head, -1, 'other', 10));
    assert.ok(mustRemember(sampleHead({ e: '', cu: -1, ku: 15 }), -1, 'e', 15));
  });

  it('[CV5] the base is the oldest version that an entry still in force names; none: no base', () => {
    const entries = [
      { cu: 10, base: 7 },
      { cu: 20, base: 9 },
      { cu: 30, base: 12 },
    ];
    assert.deepEqual([baseOf(entries, 10), baseOf(entries, 11), baseOf(entries, 30)], [7, 9, 12]);
    assert.equal(baseOf(entries, 31), Number.POSITIVE_INFINITY);
  });

  it('[CV6] the floor never falls, rises by at most 1 s at once and not by less than 100 ms, whatever the clock says', () => {
    assert.equal(raisedFloor(floor(1_000), 1_099).F, 1_000);
    assert.equal(raisedFloor(floor(1_000), 1_100).F, 1_100);
    assert.equal(raisedFloor(floor(1_000), 900_000).F, 2_000);
    const same = floor(1_000);
    assert.equal(raisedFloor(same, -5), same);
    fc.assert(
      fc.property(time, fc.integer(), (F, now) => {
        const raised = raisedFloor(floor(F), now).F;
        assert.ok(raised === F || (raised >= F + 100 && raised <= F + 1_000));
      }),
    );
  });
});

describe('compaction of the recent index', () => {
  const entry = fc.record({
    item: fc.constantFrom('a', 'b', 'longer-name'),
    at: fc.integer({ min: 0, max: 1_000 }),
    word: fc.nat(99).map(String),
  });

  it('[CV7] nothing that a marker at or after `since` must look at is dropped', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 60 }),
        fc.nat(1_200),
        fc.nat(1_200),
        fc.nat(2_000),
        (entries, since, cut, maxBytes) => {
          const plan = planIndexCompaction({ e: 'e', since, entries, bytes: 0 }, cut, maxBytes);
          assert.ok(plan.since >= since);
          const lost = entries.filter((each) => !plan.entries.includes(each));
          for (const each of lost)
            assert.ok(!mustLook(each.at, plan.since), `entry at ${each.at}, since ${plan.since}`);
        },
      ),
    );
  });

  it('[CV7] afterwards the shard is at most half full, or holds one entry', () => {
    const entries = Array.from({ length: 500 }, (_, i) => ({ item: `item-${i}`, at: i, word: '1' }));
    const plan = planIndexCompaction({ e: 'e', since: 0, entries, bytes: 0 }, 0, 2_000);
    const bytes = plan.entries.reduce((sum, { item, word }) => sum + item.length + word.length + 16, 0);
    assert.ok(bytes <= 1_000 && plan.entries.length > 1);
    assert.equal(plan.since, plan.entries[0]?.at);
  });

  it('[CV7] with nothing to drop it changes nothing', () => {
    const entries = [{ item: 'a', at: 50, word: '1' }];
    assert.deepEqual(planIndexCompaction({ e: 'e', since: 60, entries, bytes: 0 }, 10, 10_000), { since: 60, entries });
  });
});
