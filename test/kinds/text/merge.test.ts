import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type as unicode } from 'ot-text-unicode';
import type { Json } from '../../../src/base/json.ts';
import type { Applied, Since } from '../../../src/kinds/kind.ts';
import type { Edit } from '../../../src/kinds/text/edits.ts';
import { open, type TextState } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';

type Component = number | string | { d: number };

const content = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é'), maxLength: 40 });

/** Edits of a text of this length, well formed. */
function editsOf(length: number): fc.Arbitrary<readonly Edit[]> {
  const insert = fc.string({ unit: fc.constantFrom('x', 'y', '\n'), maxLength: 4 });
  const raw = fc.array(fc.tuple(fc.nat(length), fc.nat(3), insert), { maxLength: 3 });
  return raw.map((list) => {
    let end = 0;
    const edits: Edit[] = [];
    for (const [pos, del, ins] of [...list].sort((a, b) => a[0] - b[0])) {
      if (pos < end) continue;
      edits.push([pos, Math.min(del, length - pos), ins]);
      end = pos + Math.min(del, length - pos) + 1;
    }
    return edits;
  });
}

/** A text, edits that others made one after the other, and one made on the text as it was. */
const meeting = content.chain((before) => fc.tuple(fc.constant(before), fc.nat(3), editsOf(before.length), fc.gen()));

function oracleOf(edits: readonly Edit[]): Component[] {
  const op: Component[] = [];
  let at = 0;
  for (const [pos, del, ins] of edits) {
    if (pos > at) op.push(pos - at);
    if (ins) op.push(ins);
    if (del) op.push({ d: del });
    at = pos + del;
  }
  return unicode.normalize(op as never) as Component[];
}

function upon(before: string, count: number, mine: readonly Edit[], pick: fc.GeneratorValue) {
  let state: TextState = open(before, false);
  const since: Since[] = [];
  for (let i = 0; i < count; i++) {
    const theirs = pick(editsOf, state.doc.length);
    const done = text.apply(state, { base: i, edits: theirs }, { now: 0, version: i });
    if (done.result !== 'ok') continue;
    state = done.state;
    since.push({ v: since.length + 1, op: done.delta });
  }
  const applied = text.apply(state, { base: 0, edits: mine }, { now: 0, version: since.length, since });
  return { state, since, applied };
}

function editsIn(delta: Json): readonly Edit[] {
  return (delta as unknown as { edits: readonly Edit[] }).edits;
}

describe('merging texts', () => {
  it('[TX6] where nothing touches, the result is that of another implementation of operational transformation', () => {
    let merged = 0;
    fc.assert(
      fc.property(meeting, ([before, count, mine, pick]) => {
        const { since, applied } = upon(before, count, mine, pick);
        if (applied.result !== 'ok') return;
        if (since.length > 0) merged++;
        let oracle = before;
        let moved = oracleOf(mine);
        for (const { op } of since) {
          const theirs = oracleOf(editsIn(op));
          oracle = unicode.apply(oracle, theirs as never) as string;
          moved = unicode.transform(moved as never, theirs as never, 'right') as Component[];
        }
        assert.equal(text.value(applied.state), unicode.apply(oracle, moved as never));
      }),
      { numRuns: 2_000 },
    );
    // About 120; chance alone never makes it so few.
    assert.ok(merged > 40, `${merged} cases in which there was something to merge`);
  });

  it('[TX7] it is refused exactly where a border or a deleted place of both meet', () => {
    fc.assert(
      fc.property(content, fc.gen(), (before, pick) => {
        const [a] = pick(editsOf, before.length);
        const [b] = pick(editsOf, before.length);
        if (!a || !b) return;
        const first = text.apply(open(before, false), { base: 0, edits: [a] }, { now: 0, version: 0 });
        if (first.result !== 'ok' || (b[1] === 0 && b[2] === '')) return;
        const since = [{ v: 1, op: first.delta }];
        const second = text.apply(first.state, { base: 0, edits: [b] }, { now: 0, version: 1, since });
        const meets = a[0] <= b[0] + b[1] && b[0] <= a[0] + a[1];
        assert.equal(second.result, meets ? 'conflict' : 'ok', JSON.stringify([before, a, b]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('[TX12] a delta replayed gives the state that was made, and sizes are those of the text', () => {
    fc.assert(
      fc.property(meeting, ([before, count, mine, pick]) => {
        const { state, applied } = upon(before, count, mine, pick);
        if (applied.result !== 'ok') return;
        const again = text.replay(state, JSON.parse(JSON.stringify(applied.delta)) as Json);
        const value = text.value(applied.state) as string;
        assert.equal(text.value(again), value);
        const { bytes, json } = applied.state;
        assert.deepEqual([again.bytes, again.json], [bytes, json]);
        assert.deepEqual([bytes, json], [Buffer.byteLength(value), Buffer.byteLength(JSON.stringify(value)) - 2]);
        assert.ok((applied.chars ?? 0) >= JSON.stringify(text.encode(applied.state)).length);
      }),
    );
  });

  it('[TX3] whatever is sent, it is refused or changes the text as it says, and the text stays well formed', () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.double(), fc.constant(2 ** 60), fc.string());
    const string = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\ud83d', '\ude00', '\r', '\r\n', '😀', 'ok'),
    );
    const edit = fc.oneof(fc.tuple(number, number, string), fc.anything());
    const op = fc.oneof(
      fc.record({ base: fc.oneof(fc.constant(0), number), edits: fc.array(edit, { maxLength: 4 }) }),
      fc.record({ create: fc.oneof(fc.record({ text: string }, { requiredKeys: [] }), fc.anything()) }),
      fc.anything(),
    );
    const state = open('a😀b\n😎', false);
    fc.assert(
      fc.property(op, fc.constantFrom<'lost' | readonly Since[]>([], 'lost'), (sent, since) => {
        const applied: Applied<TextState> = text.apply(state, sent, { now: 0, version: 0, since });
        assert.equal(text.value(state), 'a😀b\n😎');
        if (applied.result !== 'ok') return;
        const value = text.value(applied.state) as string;
        assert.ok(value.isWellFormed() && !value.includes('\r'));
        assert.equal(text.value(text.replay(state, applied.delta)), value);
      }),
      { numRuns: 5_000 },
    );
  });
});
