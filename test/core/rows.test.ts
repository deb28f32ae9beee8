import assert from 'node:assert/strict';
import { absentHead } from '../../src/core/load-item.ts';
import { rowOf } from '../../src/core/row-content.ts';
import { decidePersist, decidePrune, decideReserve, decideRollback } from '../../src/core/rows.ts';
import type { Head } from '../../src/model/head.ts';
import { decodeRow, decodeSpaceRow, encodeRow, encodeSpaceRow, type Row, type SpaceRow } from '../../src/model/row.ts';
import type { Change, StoreRecord } from '../../src/ports/store.ts';
import { sampleHead } from '../support/sample-heads.ts';

const snapshot = (head: Head, body: unknown = 'content') => ({ head, body: () => body as string });
const record = (head: Head, body = 'stored', over: Partial<Row> = {}): StoreRecord =>
  encodeRow('s', 'a', { ...rowOf(head, body, 1), ...over });
const rowIn = (changes: readonly Change[]): Row => {
  const [change] = changes;
  assert.ok(change && change.record !== 'delete');
  return decodeRow(change.record);
};

describe('reserving numbers', () => {
  const next = { ceil: 1_029, now: 50 };
  const closed = sampleHead({ open: false, ceil: 100, v: 5 });

  it('[DU60] a closed row keeps its content and becomes open with the new ceiling', () => {
    const { changes, result } = decideReserve('s', 'a', snapshot(closed), next)([record(closed)]);
    assert.deepEqual(result, { outcome: 'reserved', ceil: 1_029 });
    const row = rowIn(changes);
    assert.deepEqual([row.v, row.body, row.open, row.ceil, row.storedAt], [5, 'stored', true, 1_029, 50]);
  });

  it('[DU60] an item that never was gets its row, and a new space its record', () => {
    const head = absentHead(0);
    const { changes, result } = decideReserve('s', 'a', snapshot(head, null), next)([undefined, undefined]);
    assert.equal(result.outcome, 'reserved');
    assert.equal(changes.length, 2);
    assert.equal(rowIn(changes).dead, true);
    const again = decideReserve(
      's',
      'a',
      snapshot(head, null),
      next,
    )([undefined, encodeSpaceRow(decodeSpaceRow(undefined))]);
    assert.equal(again.changes.length, 1);
  });

  it('[DU61] a row that another writer of the same lineage opened is adopted; of another lineage, or closed above: stale', () => {
    const other = record({ ...closed, open: true, ceil: 900 });
    const adopted = decideReserve('s', 'a', snapshot(closed), next)([other]);
    assert.deepEqual([adopted.changes, adopted.result], [[], { outcome: 'reserved', ceil: 900 }]);
    for (const stale of [record({ ...closed, L: 1 }), record({ ...closed, ceil: 900 }), undefined]) {
      assert.equal(decideReserve('s', 'a', snapshot(closed), next)([stale, undefined]).result.outcome, 'stale');
    }
    const pruned = encodeSpaceRow({ ...decodeSpaceRow(undefined), prunedV: 9 });
    assert.equal(decideReserve('s', 'a', snapshot(absentHead(0)), next)([undefined, pruned]).result.outcome, 'stale');
  });

  it('[DU61] content that a failed release left unstored goes with the reservation', () => {
    const { changes } = decideReserve('s', 'a', snapshot(closed, 'newer'), next)([record({ ...closed, v: 3 })]);
    assert.deepEqual([rowIn(changes).v, rowIn(changes).body], [5, 'newer']);
  });
});

describe('storing a version', () => {
  const head = sampleHead({ v: 8, ceil: 100 });

  it('[DU62] newer content of the same lineage replaces older; older never replaces newer', () => {
    const newer = decidePersist('s', 'a', snapshot(head), false, 9)([record({ ...head, v: 5 })]);
    assert.deepEqual(
      [rowIn(newer.changes).v, rowIn(newer.changes).body, rowIn(newer.changes).open],
      [8, 'content', true],
    );
    const older = decidePersist('s', 'a', snapshot(head), false, 9)([record({ ...head, v: 9 })]);
    assert.deepEqual([older.changes, older.result], [[], { durable: true, wrote: false, over: false }]);
  });

  it('[DU63] another lineage, or no row: nothing is written, nothing is durable', () => {
    for (const found of [record({ ...head, v: 5, L: 1 }), record({ ...head, v: 50, L: 1 }), undefined]) {
      const done = decidePersist('s', 'a', snapshot(head), true, 9)([found]);
      assert.deepEqual([done.changes, done.result?.durable, done.result?.over], [[], false, true]);
    }
  });

  it('[DU64] closing ends only the opening that the head belongs to', () => {
    const mine = decidePersist('s', 'a', snapshot(head), true, 9)([record({ ...head, v: 8 }, 'same')]);
    assert.deepEqual([rowIn(mine.changes).open, rowIn(mine.changes).body], [false, 'same']);
    const later = decidePersist('s', 'a', snapshot(head), true, 9)([record({ ...head, v: 5, ceil: 500 })]);
    assert.deepEqual([rowIn(later.changes).open, rowIn(later.changes).ceil, rowIn(later.changes).v], [true, 500, 8]);
    const passed = decidePersist('s', 'a', snapshot(head), true, 9)([record({ ...head, v: 9 })]);
    assert.deepEqual(passed.changes, []);
  });

  it('[DU65] the row carries coverage, epoch and what is remembered of writers', () => {
    const full = { ...head, seqs: { 's/c': [1, 0, 8, 'h'] as const }, seqFloor: 3 };
    const row = rowIn(decidePersist('s', 'a', snapshot(full), false, 9)([record({ ...head, v: 5 })]).changes);
    assert.deepEqual([row.e, row.cu, row.seqs, row.seqFloor], [head.e, head.cu, full.seqs, 3]);
  });
});

describe('rolling back and pruning', () => {
  it('[LD40] a rollback gives the stored content a number above the ceiling, in a new lineage, and may be restored', () => {
    const open = record(
      sampleHead({ v: 5, ceil: 100, fence: 4, lock: { holder: 'h', subject: 's', grant: 'g', sinceMs: 1 } }),
    );
    const { result } = decideRollback('s', 'a', open, { e: 'new', cu: 77 }, 1_000, 600_000)([open]);
    assert.ok(result);
    assert.deepEqual([result.v, result.ceil, result.open, result.L, result.body], [101, 101, false, 1, 'stored']);
    assert.deepEqual(result.back, { from: 5, ceil: 100, got: 5, untilMs: 601_000 });
    assert.deepEqual([result.e, result.cu, result.lock, result.fence], ['new', 77, undefined, 101]);
  });

  it('[LD42] of an item that stands as a rollback has left it, another rollback keeps what can be restored', () => {
    const back = { from: 5, ceil: 100, got: 5, untilMs: 601_000, posted: { c: 7 } };
    const left = { v: 101, L: 1, open: true, ceil: 1_125, back };
    const again = (head: Head, now = 5_000) => {
      const row = encodeRow('s', 'a', rowOf(head, { x: 1 }, 0));
      return decideRollback('s', 'a', row, { e: 'e', cu: 1 }, now, 600_000)([row]).result?.back;
    };
    assert.deepEqual(again(sampleHead(left))?.before, [{ ...back, stored: [] }], 'and that nothing came in between');
    assert.equal(again(sampleHead(left), 601_000)?.before?.[0]?.untilMs, 601_000);
    assert.deepEqual(again(sampleHead(left), 601_001), { from: 101, ceil: 1_125, got: 101, untilMs: 1_201_001 });
  });

  it('[LD43] of one that was changed since, it also keeps what the earlier ones have taken, while that may be restored', () => {
    const back = { from: 5, ceil: 100, got: 7, untilMs: 601_000 };
    const again = (before: Row['back'], now = 5_000) => {
      const head = sampleHead({ v: 102, L: 1, open: true, ceil: 1_125, ...(before && { back: before }) });
      const row = encodeRow('s', 'a', rowOf(head, { x: 1 }, 0));
      return decideRollback('s', 'a', row, { e: 'e', cu: 1 }, now, 600_000)([row]).result?.back;
    };
    const mark = { from: 102, ceil: 1_125, got: 102, untilMs: 605_000 };
    assert.deepEqual(again(back), { ...mark, before: [back] });
    assert.deepEqual(again({ ...back, got: 100 }), mark, 'all of it is back');
    assert.deepEqual(again(back, 601_001), { ...mark, untilMs: 1_201_001 }, 'its time is over');
    const delta = (v: number) => ({ v, op: { edits: [] } });
    const led = again({
      ...back,
      stored: [delta(101), delta(102)],
      before: [{ ...back, from: 1, stored: [delta(99)] }],
    });
    const stored = led?.before?.map((one) => one.stored?.map(({ v }) => v));
    assert.deepEqual(
      stored,
      [
        [101, 102],
        [99, 101, 102],
      ],
      'each tells what leads from it to the last',
    );
    const many = Array.from({ length: 5 }, (_, n) => ({ ...back, from: n }));
    const kept = again({ ...back, from: 9, before: many, brought: ['c/1'] });
    assert.deepEqual([kept?.before?.map(({ from }) => from), kept?.brought], [[9, 0, 1], ['c/1']]);
  });

  it('[LD41] a row that has changed since it was read is not rolled back', () => {
    const open = record(sampleHead());
    const moved = record(sampleHead({ v: 6 }));
    for (const now of [moved, undefined]) {
      const { changes, result } = decideRollback('s', 'a', open, { e: 'e', cu: 1 }, 1, 1)([now]);
      assert.deepEqual([changes, result], [[], undefined]);
    }
  });

  const limits = { diedBefore: 5_000, diedLongBefore: 0, epoch: 'epoch', coverBefore: 3_000 };
  const tomb = (over: Partial<Row> = {}) =>
    record(sampleHead({ dead: true, open: false, t: 4_000, cu: 2_000, ceil: 321 }), 'null', over);

  it('[SW20] an old tombstone goes; the space keeps its ceiling and its coverage', () => {
    const { changes, result } = decidePrune('s', 'a', limits)([tomb(), undefined]);
    assert.equal(result, true);
    assert.equal(changes[0]?.record, 'delete');
    const space = changes[1]?.record;
    assert.ok(space && space !== 'delete');
    const { prunedV, prunedE, prunedCu } = decodeSpaceRow(space);
    assert.deepEqual([prunedV, prunedE, prunedCu], [321, 'epoch', 2_000]);
  });

  it('[SW20] what the space remembers only grows within an epoch', () => {
    const before: SpaceRow = { prunedV: 999, prunedE: 'epoch', prunedCu: 2_500, createdAt: 7, settings: { x: 1 } };
    const { changes } = decidePrune('s', 'a', limits)([tomb(), encodeSpaceRow(before)]);
    const after = changes[1]?.record;
    assert.ok(after && after !== 'delete');
    assert.deepEqual(decodeSpaceRow(after), before);
  });

  it('[SW21] nothing living, open, young, or within reach of a marker is pruned', () => {
    const kept = [tomb({ dead: false }), tomb({ open: true }), tomb({ t: 5_000 }), tomb({ cu: 3_000 }), undefined];
    for (const each of kept) assert.equal(decidePrune('s', 'a', limits)([each, undefined]).result, false);
    assert.equal(decidePrune('s', 'a', limits)([tomb({ cu: 9_999, e: 'former' }), undefined]).result, true);
  });
});
