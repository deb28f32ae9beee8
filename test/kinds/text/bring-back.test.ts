import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../../src/base/json.ts';
import type { Lost, Since } from '../../../src/kinds/kind.ts';
import { bringBack } from '../../../src/kinds/text/bring-back.ts';
import type { Edit } from '../../../src/kinds/text/edits.ts';
import { open, type TextState } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';

/** One edit in a part of the text. */
const edit = fc.record({
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  del: fc.nat(2),
  ins: fc.constantFrom('x', 'yz', ''),
});
const edits = fc.array(edit, { maxLength: 8 });
type Drawn = typeof edits extends fc.Arbitrary<infer T> ? T : never;

/** Deltas one after the other, on a text; each in the part of it that `range` says. */
function follow(state: TextState, drawn: Drawn, range: (length: number) => readonly [number, number], at = 1) {
  const deltas: { v: number; op: Json }[] = [];
  let now = state;
  for (const { place, del, ins } of drawn) {
    const [from, to] = range(now.doc.length);
    const pos = from + Math.floor(place * Math.max(0, to - from));
    const one: Edit = [pos, Math.min(del, Math.max(0, to - pos)), ins];
    const done = text.apply(now, { base: 0, edits: [one] }, { now: 0, version: 0, since: [] });
    if (done.result !== 'ok') continue;
    now = done.state;
    deltas.push({ v: at + deltas.length, op: done.delta });
  }
  return { state: now, deltas };
}

function lostOf(deltas: readonly { v: number; op: Json }[], skip: (v: number) => boolean = () => false): Lost[] {
  return deltas.map(({ v, op }) => ({ version: v, op, skip: skip(v) }));
}

function applied(state: TextState, ops: readonly (Json | undefined)[]): TextState {
  let now = state;
  for (const op of ops) if (op !== undefined) now = text.replay(now, op);
  return now;
}

const START = `${'a'.repeat(40)}|${'b'.repeat(40)}`;
const left = (length: number) => [0, Math.min(15, length)] as const;
const right = (length: number) => [Math.max(0, length - 15), length] as const;
const anywhere = (length: number) => [0, length] as const;

describe('texts after a rollback', () => {
  it('[TX25] where nothing was written since, all that was lost comes back as it was', () => {
    fc.assert(
      fc.property(edits, (drawn) => {
        const start = open(START, false);
        const lost = follow(start, drawn, anywhere);
        const back = bringBack(start, lostOf(lost.deltas), []);
        assert.deepEqual(
          back?.ops,
          lost.deltas.map(({ op }) => op),
        );
        assert.equal(back && text.value(back.state), text.value(lost.state));
      }),
    );
  });

  it('[TX26] what was written elsewhere since stays, and what was lost comes back beside it', () => {
    fc.assert(
      fc.property(edits, edits, (drawn, other) => {
        const start = open(START, false);
        const lost = follow(start, drawn, left);
        const since = follow(start, other, right, 100);
        const back = bringBack(since.state, lostOf(lost.deltas), since.deltas);
        const expected = `${String(text.value(lost.state)).split('|')[0]}|${String(text.value(since.state)).split('|')[1]}`;
        assert.equal(back && text.value(back.state), expected);
        assert.equal(text.value(applied(since.state, back?.ops ?? [])), expected);
      }),
    );
  });

  it('[TX26] brought back in two parts, with others writing between, it is the same', () => {
    fc.assert(
      fc.property(edits, edits, fc.nat(8), (drawn, other, cut) => {
        const start = open(START, false);
        const lost = follow(start, drawn, left);
        const since = follow(start, other, right, 100);
        const part = lost.deltas.slice(0, cut);
        const first = bringBack(since.state, lostOf(part), since.deltas);
        assert.ok(first);
        const restored = part.flatMap(({ v }, i): Since[] => {
          const op = first.ops[i];
          return op === undefined ? [] : [{ v: 200 + i, op, r: v }];
        });
        const later = follow(first.state, other, right, 300);
        const got = part.at(-1)?.v ?? 0;
        const all = [...since.deltas, ...restored, ...later.deltas];
        const second = bringBack(
          later.state,
          lostOf(lost.deltas, (v) => v <= got),
          all,
        );
        assert.ok(second);
        assert.ok(second.ops.slice(0, part.length).every((op) => op === undefined));
        const expected = `${String(text.value(lost.state)).split('|')[0]}|${String(text.value(later.state)).split('|')[1]}`;
        assert.equal(text.value(second.state), expected);
      }),
    );
  });

  it('[TX27] what touches what was written since is left out, with all that was typed on it', () => {
    const start = open('hello world', false);
    const op = (...list: Edit[]) => ({ edits: list }) as unknown as Json;
    const chain = [
      { version: 2, op: op([5, 0, ',']), skip: false },
      { version: 3, op: op([6, 0, '!']), skip: false },
      { version: 4, op: op([0, 1, 'H']), skip: false },
    ];
    const since = [{ v: 100, op: op([5, 0, ' my']) }];
    const back = bringBack(applied(start, [op([5, 0, ' my'])]), chain, since);
    assert.deepEqual(back?.ops, [undefined, undefined, op([0, 1, 'H'])]);
    assert.equal(back && text.value(back.state), 'Hello my world');
    const resent = [{ ...chain[0], skip: true }, chain[1], chain[2]] as Lost[];
    const own = [{ v: 100, op: op([5, 0, ',']) }];
    const again = bringBack(applied(start, [op([5, 0, ','])]), resent, own);
    assert.equal(again && text.value(again.state), 'Hello, world', 'sent again by its writer: there once');
  });

  it('[TX28] whatever chain is sent, it is refused, or gives deltas that lead to a well-formed text', () => {
    const number = fc.oneof(fc.integer({ min: -1, max: 60 }), fc.constant(1.5));
    const one = fc.tuple(number, number, fc.constantFrom('x', '\r', '\ud83d', '😀', ''));
    const op = fc.oneof(fc.record({ edits: fc.array(one, { maxLength: 3 }) }), fc.anything()) as fc.Arbitrary<Json>;
    const start = open(`😀${START}`, false);
    fc.assert(
      fc.property(
        fc.array(fc.record({ op, skip: fc.boolean() }), { maxLength: 6 }),
        edits,
        fc.array(fc.nat(7)),
        (sent, other, restored) => {
          const since = follow(start, other, right, 100);
          const deltas = since.deltas.map((delta, i) => (restored.includes(i) ? { ...delta, r: i + 1 } : delta));
          const back = bringBack(
            since.state,
            sent.map((each, i) => ({ ...each, version: i + 1 })),
            deltas,
          );
          if (!back) return;
          assert.ok(String(text.value(back.state)).isWellFormed());
          assert.equal(text.value(applied(since.state, back.ops)), text.value(back.state));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
