import assert from 'node:assert/strict';
import fc from 'fast-check';
import { surplusOf } from '../../../src/core/pictures/surplus.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RULE = { allMs: HOUR, hourlyMs: DAY };
const NOW = Date.UTC(2026, 5, 15, 12, 30);

const written = (...ages: readonly number[]) => ages.map((age) => ({ writtenAt: NOW - age }));
const agesOf = (stored: readonly { writtenAt: number }[]) => stored.map(({ writtenAt }) => NOW - writtenAt);
const keptOf = (stored: readonly { writtenAt: number }[], now = NOW) => {
  const surplus = new Set(surplusOf(stored, now, RULE));
  return stored.filter((one) => !surplus.has(one));
};
/** Ascending, over three days. */
const someStored = fc
  .array(fc.integer({ min: 0, max: 3 * DAY }), { maxLength: 60 })
  .map((ages) => written(...ages.sort((a, b) => b - a)));

describe('which stored pictures may go', () => {
  it('[PIC72] none of the last hour, all but the last of an hour for a day, all but the last of a day after that', () => {
    const stored = written(
      2 * DAY + 10 * HOUR,
      2 * DAY + MINUTE,
      4 * HOUR + 20 * MINUTE,
      4 * HOUR,
      70 * MINUTE,
      59 * MINUTE,
      0,
    );
    assert.deepEqual(agesOf(surplusOf(stored, NOW, RULE)), [2 * DAY + 10 * HOUR, 4 * HOUR + 20 * MINUTE, 70 * MINUTE]);
    assert.deepEqual(surplusOf(written(3 * DAY), NOW, RULE), [], 'the only one');
    assert.deepEqual(surplusOf([], NOW, RULE), []);
  });

  it('[PIC72] what is kept is one for each hour and day, whenever it was looked before', () => {
    fc.assert(
      fc.property(someStored, fc.array(fc.nat(3 * DAY), { maxLength: 5 }), (stored, looks) => {
        let thinned = stored;
        for (const ago of looks.sort((a, b) => b - a)) {
          const before = thinned.filter(({ writtenAt }) => writtenAt <= NOW - ago);
          const kept = new Set(keptOf(before, NOW - ago));
          thinned = thinned.filter((one) => kept.has(one) || !before.includes(one));
        }
        assert.deepEqual(keptOf(thinned), keptOf(stored));
        const old = keptOf(stored).filter(({ writtenAt }) => NOW - writtenAt >= DAY);
        const days = old.map(({ writtenAt }) => Math.floor(writtenAt / DAY));
        assert.equal(new Set(days).size, days.length);
      }),
    );
  });

  it('[PIC73] of a part nothing goes that would be kept if all were known, and never the last', () => {
    fc.assert(
      fc.property(someStored, fc.nat(60), fc.nat(60), (stored, from, count) => {
        const all = new Set(surplusOf(stored, NOW, RULE));
        for (const one of surplusOf(stored.slice(from, from + count), NOW, RULE)) assert.ok(all.has(one));
        const last = stored.at(-1);
        if (last) assert.ok(!all.has(last));
      }),
    );
  });
});
