import assert from 'node:assert/strict';
import { judge } from '../../../src/cli/monkeys/judge.ts';
import { type Entry, type Fate, Ledger } from '../../../src/cli/monkeys/ledger.ts';
import type { Final } from '../../../src/cli/monkeys/sight.ts';
import { type Deed, WORKS } from '../../../src/cli/monkeys/work.ts';

/** Updates of one monkey, tags from 1 on. */
function entriesOf(...fates: readonly (Fate | readonly [Fate, removes: number])[]): Entry[] {
  const ledger = new Ledger();
  return fates.map((one) => {
    const [fate, removes] = typeof one === 'string' ? [one, undefined] : one;
    const entry = ledger.make(0, 'i', removes);
    entry.fate = fate;
    return entry;
  });
}

const setOf = (members: readonly number[], deeds: readonly Deed[]): Final => ({
  version: 1,
  value: { members: members.map((tag) => `m${tag}`), adds: [], removes: [] },
  deeds,
});
const textOf = (content: string): Final => ({ version: 1, value: content, deeds: undefined });
const LINES = '.\n'.repeat(100);

describe('what is wrong with an item', () => {
  const cases: readonly (readonly [rule: string, entries: Entry[], final: Final, wrong: readonly string[]])[] = [
    ['fine', entriesOf('ok', 'ok', ['ok', 1]), setOf([2, 3], ['{"create":{}}', '+1', '+2', '+3 -1']), []],
    ['an unanswered one is not there', entriesOf('ok', 'unknown'), setOf([1], ['+1']), []],
    ['an unanswered one is there', entriesOf('ok', 'unknown'), setOf([1, 2], ['+1', '+2']), []],
    ['one that was never sent is not there', entriesOf('ok', 'waiting'), setOf([1], ['+1']), []],
    ['an unanswered removal is there', entriesOf('ok', ['unknown', 1]), setOf([2], ['+1', '+2 -1']), []],
    ['an unanswered removal is not there', entriesOf('ok', ['unknown', 1]), setOf([1], ['+1']), []],
    ['not an operation', entriesOf('ok', 'ok'), setOf([1, 2], ['+1']), ['lost']],
    ['not in the value', entriesOf('ok', 'ok'), setOf([1], ['+1', '+2']), ['lost']],
    ['a removal without effect', entriesOf('ok', ['ok', 1]), setOf([1, 2], ['+1', '+2 -1']), ['lost']],
    ['refused, and there', entriesOf('ok', 'refused'), setOf([1, 2], ['+1', '+2']), ['strange', 'strange']],
    ['twice', entriesOf('ok', 'ok'), setOf([1, 2], ['+1', '+1', '+2']), ['doubled']],
    ['out of order', entriesOf('ok', 'ok'), setOf([1, 2], ['+2', '+1']), ['disordered']],
    ['nobody posted it', entriesOf('ok'), setOf([1, 9], ['+1', '+9']), ['strange', 'strange']],
  ];
  for (const [name, entries, final, wrong] of cases) {
    it(`[MO3] [MO4] [MO5] [MO6] [MO8] of a set: ${name}`, () => {
      const found = judge(WORKS.set, 'i', entries, final);
      assert.deepEqual(
        found.map(({ sort }) => sort),
        wrong,
        JSON.stringify(found),
      );
    });
  }

  it('[MO3] [MO4] [MO6] of a text: lost, twice, and torn', () => {
    const sorts = (content: string) =>
      judge(WORKS.text, 'i', entriesOf('ok', 'ok'), textOf(content)).map(({ sort }) => sort);
    assert.deepEqual(sorts(`<1>${LINES}<2>`), []);
    assert.deepEqual(sorts(`<1>${LINES}`), ['lost']);
    assert.deepEqual(sorts(`<1><1>${LINES}<2>`), ['doubled']);
    assert.deepEqual(sorts(`<1>${LINES.slice(1)}<2>`), ['strange']);
    assert.deepEqual(sorts(`<1>${LINES}<<1>2>`), ['doubled', 'lost', 'strange']);
  });

  it('[MO6] of a register: a value that nobody gave a tag', () => {
    const final = { version: 1, value: { 1: 1, 2: 5 }, deeds: undefined };
    assert.deepEqual(
      judge(WORKS.register, 'i', entriesOf('ok', 'ok'), final).map(({ sort }) => sort),
      ['strange'],
    );
  });
});
