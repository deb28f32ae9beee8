import assert from 'node:assert/strict';
import fc from 'fast-check';
import { deltaBytes, droppedKeys, layOut, tailBytes } from '../../src/core/layout.ts';
import type { Delta, Head } from '../../src/model/head.ts';
import { MAX_INLINE_BYTES, MAX_SEGMENTS_BYTES, MAX_TAIL_BYTES } from '../../src/protocol/limits.ts';
import { journal } from '../doubles/journal-kind.ts';
import { sampleHead } from '../support/sample-heads.ts';

let made = 0;
const newKey = () => `key${made++}`;
const small = { kind: { keepDeltaBytes: 0 }, newKey };

/** A journal to which texts of these sizes are added one after the other; every version is checked. */
function follow(sizes: readonly number[]): void {
  let head: Head = sampleHead({ kind: 'journal', v: 1, born: 1, tb: 1, body: [], tail: [], segs: [] });
  let state: readonly string[] = [];
  const bodies = new Map<string, readonly string[]>();
  const segments = new Map<string, readonly Delta[]>();
  for (const [i, size] of sizes.entries()) {
    const op = { add: `${i}`.padEnd(size, '.') };
    const delta: Delta = { v: head.v + 1, op, t: 0 };
    const before = { state, v: head.v };
    state = journal.replay(state, op);
    const plan = layOut({
      head,
      v: delta.v,
      fresh: false,
      deltas: [delta],
      encode: () => state,
      kind: journal,
      newKey,
    });
    if (plan.newBody) bodies.set(plan.newBody.key, JSON.parse(plan.newBody.encoded));
    if (plan.newSegment) segments.set(plan.newSegment.key, plan.newSegment.deltas);
    const { body: _body, ref: _ref, ...rest } = head;
    const { newBody: _newBody, newSegment: _newSegment, ...kept } = plan;
    head = { ...rest, ...kept, v: delta.v };
    check(head, state, before, bodies, segments);
  }
}

function check(
  head: Head,
  state: readonly string[],
  before: { readonly state: readonly string[]; readonly v: number },
  bodies: ReadonlyMap<string, readonly string[]>,
  segments: ReadonlyMap<string, readonly Delta[]>,
): void {
  const start = head.ref ? bodies.get(head.ref.key) : (head.body as readonly string[]);
  const from = head.ref ? head.ref.v : head.v;
  assert.ok(start, 'the body is there');
  const value = head.tail.filter((delta) => delta.v > from).reduce((now, { op }) => journal.replay(now, op), start);
  assert.deepEqual(value, state, 'body and tail give the value');
  let at = head.tb;
  for (const segment of head.segs) {
    assert.equal(segment.from, at, 'segments follow each other');
    assert.equal(segments.get(segment.key)?.at(-1)?.v, segment.to);
    at = segment.to;
  }
  const deltas = [...head.segs.flatMap(({ key }) => segments.get(key) ?? []), ...head.tail];
  assert.deepEqual(
    deltas.map(({ v }) => v),
    Array.from({ length: deltas.length }, (_, i) => head.tb + 1 + i),
    'the tail leads from tb to v',
  );
  if (deltas.length > 0) assert.deepEqual(journal.replay(before.state, deltas.at(-1)?.op ?? null), state);
  assert.ok(tailBytes(head.tail) <= MAX_TAIL_BYTES + MAX_INLINE_BYTES);
  assert.ok(head.segs.reduce((sum, { bytes }) => sum + bytes, 0) <= MAX_SEGMENTS_BYTES);
}

describe('where value and deltas of an item are kept', () => {
  it('[KY1] body, segments and tail always give the value, and the deltas an unbroken chain up to it', () => {
    const size = fc.oneof(fc.nat(100), fc.nat(4_000), fc.nat(40_000));
    fc.assert(
      fc.property(fc.array(size, { maxLength: 80 }), (sizes) => follow(sizes)),
      { numRuns: 40 },
    );
  });

  it('[KY2] a small value stays in the head, with deltas of at most its own size', () => {
    const head = sampleHead({ tail: [], tb: 5 });
    const body = { x: 'y'.repeat(200) };
    const deltas = [{ v: 6, op: { merge: { x: 1 } }, t: 0 }];
    const plan = layOut({ head, v: 6, fresh: false, deltas, encode: () => body, ...small });
    assert.deepEqual([plan.body, plan.tail, plan.tb, plan.newBody], [body, deltas, 5, undefined]);
    const tiny = layOut({ head, v: 6, fresh: false, deltas, encode: () => 1, ...small });
    assert.deepEqual([tiny.tail, tiny.tb], [[], 6]);
  });

  it('[KY3] a value over 16 KiB gets a record of its own; while the tail is short only the delta is written', () => {
    const value = 'x'.repeat(MAX_INLINE_BYTES);
    const grown = layOut({
      head: sampleHead(),
      v: 6,
      fresh: false,
      deltas: [{ v: 6, op: { set: value }, t: 0 }],
      encode: () => value,
      ...small,
    });
    assert.ok(grown.newBody && grown.ref?.v === 6 && grown.body === undefined);
    const head = sampleHead({ v: 6, ref: grown.ref, tb: grown.tb, tail: grown.tail, segs: grown.segs });
    const delta = { v: 7, op: { merge: { x: 1 } }, t: 0 };
    const next = layOut({
      head,
      v: 7,
      fresh: false,
      deltas: [delta],
      encode: () => assert.fail('the value need not be encoded'),
      ...small,
    });
    assert.deepEqual([next.ref, next.tail.at(-1), next.newBody], [grown.ref, delta, undefined]);
  });

  it('[KY4] nothing of the older tail is kept where a life begins', () => {
    const head = sampleHead({
      tail: [{ v: 5, op: { set: 1 }, t: 0 }],
      tb: 4,
      segs: [{ key: 's', from: 1, to: 4, bytes: 9 }],
    });
    const plan = layOut({
      head,
      v: 9,
      fresh: true,
      deltas: [{ v: 9, op: { set: 2 }, t: 0 }],
      encode: () => 2,
      ...small,
    });
    assert.deepEqual([plan.tail, plan.segs, plan.tb, plan.body], [[], [], 9, 2]);
  });

  it('[KY5] the keys that a new head does not name any more are known', () => {
    const ref = { key: 'b1', v: 1, bytes: 1 };
    const segs = [
      { key: 's1', from: 0, to: 1, bytes: 1 },
      { key: 's2', from: 1, to: 2, bytes: 1 },
    ];
    const before = sampleHead({ ref, segs });
    assert.deepEqual(droppedKeys(before, sampleHead({ ref: { ...ref, key: 'b2' }, segs: segs.slice(1) })), [
      'b1',
      's1',
    ]);
    assert.deepEqual(droppedKeys(before, before), []);
  });

  it('[KY6] bytes are counted in UTF-8', () => {
    assert.equal(deltaBytes({ v: 1, op: 'é'.repeat(100), t: 0 }), 202 + 60);
  });
});
