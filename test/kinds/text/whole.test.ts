import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../../src/base/json.ts';
import { compareHere } from '../../../src/core/unfold.ts';
import { editsBetween, middleOf } from '../../../src/kinds/text/diff.ts';
import { toChange, toEdits } from '../../../src/kinds/text/edits.ts';
import { open, type TextState } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';
import { Comparer } from '../../../src/server/comparer.ts';

const content = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀', '😎', 'é'), maxLength: 60 });

async function unfolded(before: string, after: string): Promise<TextState> {
  const state = open(before, false);
  const op = await text.unfold?.({ base: 3, text: after }, state, compareHere);
  const done = text.apply(state, op, { now: 0, version: 3, since: [] });
  if (done.result === 'unchanged') return state;
  assert.ok(done.result === 'ok', JSON.stringify(done));
  return done.state;
}

describe('texts sent whole', () => {
  it('[TX40] become edits of what has changed, whatever the two texts', async () => {
    await fc.assert(
      fc.asyncProperty(content, content, async (before, after) => {
        assert.equal(text.value(await unfolded(before, after)), after);
        assert.equal(
          toChange(editsBetween(before, after), before.length).apply(open(before, false).doc).toString(),
          after,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('[TX40] what is the same at both ends is not part of the edits, and no pair is cut', () => {
    assert.deepEqual(editsBetween('one two three', 'one 2 three'), [[4, 3, '2']]);
    assert.deepEqual(middleOf('a😀b', 'a😎b'), { from: 1, before: '😀', after: '😎' });
    assert.deepEqual(editsBetween('same', 'same'), []);
    const far = editsBetween('aa1bb2cc', 'aaXbbYcc');
    assert.deepEqual(far, [
      [2, 1, 'X'],
      [5, 1, 'Y'],
    ]);
  });

  it('[TX41] more than 20,000 units in the middle is too large, however long the ends may be', async () => {
    const ends = 'x'.repeat(100_000);
    const long = Array.from({ length: 20_001 }, (_, i) => String.fromCharCode(97 + ((i * i) % 23))).join('');
    const state = open(`${ends}b${ends}`, false);
    const ask = (middle: string) => text.unfold?.({ base: 3, text: ends + middle + ends }, state, compareHere);
    assert.equal(await ask(`q${long}q`), 'tooLarge');
    assert.deepEqual(await ask(`b${long}`), { base: 3, edits: [[100_001, 0, long]] }, 'nothing to compare');
    assert.equal(typeof (await ask(`q${long.slice(0, 19_000)}q`)), 'object');
  });

  it('[TX42] a delta can be undone where what it deleted is short, else it says that it cannot', () => {
    const place = fc.tuple(fc.nat(50), fc.nat(50), content);
    fc.assert(
      fc.property(content, fc.array(place, { maxLength: 3 }), (before, places) => {
        const state = open(before, false);
        const edits = places.map(([a, b]) => [Math.min(a, b), Math.abs(a - b)] as const);
        for (const [pos, del] of edits) {
          const done = text.apply(state, { base: 0, edits: [[pos, del, 'x']] }, { now: 0, version: 0 });
          if (done.result !== 'ok') continue;
          const since = { v: 1, op: done.delta, ...(done.undo === undefined ? {} : { u: done.undo }) };
          const back = text.undo?.(done.state, JSON.parse(JSON.stringify(since)) as never);
          assert.deepEqual(back && [text.value(back), back.bytes], [before, state.bytes]);
        }
      }),
    );
    const long = open('y'.repeat(5_000), false);
    const gone = text.apply(long, { base: 0, edits: [[0, 2_000, '']] }, { now: 0, version: 0 });
    assert.ok(gone.result === 'ok' && gone.undo === undefined);
    assert.equal(text.undo?.(gone.state, { v: 1, op: gone.delta }), undefined);
    assert.equal(text.undo?.(long, { v: 1, op: { create: {} } as Json }), undefined);
  });

  it('[TX43] a thread of its own compares, one pair after the other; what takes too long is one edit', async () => {
    const comparer = new Comparer();
    const all = await Promise.all([
      comparer.compare('abc', 'aXc'),
      comparer.compare('', 'x'),
      comparer.compare('ab', ''),
    ]);
    assert.deepEqual(all, [[[1, 1, 'X']], [[0, 0, 'x']], [[0, 2, '']]]);
    await comparer.close();
    const hasty = new Comparer(0);
    const random = (seed: number) =>
      Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * seed * 7919) % 26))).join('');
    const [a, b] = [random(3), random(11)];
    const edits = await hasty.compare(a, b);
    assert.equal(toEdits(toChange(edits, a.length)).length, 1);
    assert.deepEqual(await new Promise((settle) => settle(hasty.close())), undefined);
  });

  it('[TX46] long texts keep nobody waiting who changed a word, and their own writers no longer than that', async () => {
    const comparer = new Comparer(15_000);
    const random = (seed: number) =>
      Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * i * seed * 7919) % 26))).join('');
    const ended: string[] = [];
    const long = [3, 5, 7, 11, 13, 17].map((seed) =>
      comparer.compare(random(seed), random(seed + 1).toUpperCase()).then((edits) => {
        ended.push('long');
        return edits;
      }),
    );
    const word = comparer.compare('one word here', 'one Word here').then((edits) => {
      ended.push('word');
      return edits;
    });
    assert.deepEqual(await word, [[4, 1, 'W']]);
    assert.ok(ended.indexOf('word') <= 1, `after one of them at most: ${ended}`);
    await comparer.close();
    await Promise.all(long);
  }).timeout(20_000);

  it('[TX46] whoever waits for as long as one pair may take is not kept longer by the pairs before', async () => {
    const comparer = new Comparer(0);
    const pair = ['a'.repeat(100), 'b'.repeat(90)] as const;
    const all = await Promise.all(Array.from({ length: 2_000 }, () => comparer.compare(...pair)));
    assert.ok(all.every((edits) => edits.length === 1));
    await comparer.close();
  }).timeout(20_000);
});
