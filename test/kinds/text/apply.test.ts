import assert from 'node:assert/strict';
import type { Applied, ApplyContext, Since } from '../../../src/kinds/kind.ts';
import type { TextState } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';
import { MAX_TEXT_BYTES, MAX_TEXT_JSON_BYTES } from '../../../src/protocol/limits.ts';

const NOW = { now: 1, version: 7 };

function of(content: string, granularity: 'touch' | 'line' = 'touch'): TextState {
  return text.replay(text.empty(), { create: { granularity, text: content } });
}

function apply(state: TextState, op: unknown, context: Partial<ApplyContext> = {}): Applied<TextState> {
  return text.apply(state, op, { ...NOW, ...context });
}

function edit(content: string, ...edits: unknown[]): Applied<TextState> {
  return apply(of(content), { base: 7, edits });
}

function shown(applied: Applied<TextState>): unknown {
  assert.equal(applied.result, 'ok', JSON.stringify(applied));
  return applied.result === 'ok' && text.value(applied.state);
}

/** What `since` did to `before`; then the operation, made on `before`, is applied. */
function upon(before: string, since: readonly (readonly unknown[])[], op: object, more: Partial<ApplyContext> = {}) {
  let state = more.version === -1 ? of(before, 'line') : of(before);
  const deltas = since.map((edits, i): Since => ({ v: 8 + i, op: { edits } as never, c: `c${i}` }));
  for (const delta of deltas) state = text.replay(state, delta.op);
  const version = 7 + since.length;
  return apply(state, { base: 7, ...op }, { since: deltas, ...more, version });
}

function refused(applied: Applied<TextState>, why: RegExp): void {
  assert.ok(applied.result === 'invalid' && applied.code === 'badOp', JSON.stringify(applied));
  assert.match(applied.detail, why);
}

describe('the text kind', () => {
  it('[TX1] edits are at positions of the text at the base, ascending, all at once', () => {
    const edits = [
      [0, 5, 'bye'],
      [5, 0, ','],
      [6, 5, 'moon'],
      [11, 0, '!'],
    ];
    assert.equal(shown(edit('hello world', ...edits)), 'bye, moon!');
    assert.equal(shown(edit('', [0, 0, 'a\nb'])), 'a\nb');
    assert.equal(shown(edit('ab', [1, 0, 'x'], [1, 0, 'y'])), 'axyb');
  });

  it('[TX1] what changes nothing is unchanged', () => {
    assert.equal(edit('ab').result, 'unchanged');
    assert.equal(edit('ab', [1, 0, '']).result, 'unchanged');
  });

  it('[TX2] a text is created with what is fixed for its life', () => {
    const made = apply(text.empty(), { create: { text: 'a', granularity: 'line' } }, { version: 0 });
    assert.ok(made.result === 'ok' && made.state.line && text.value(made.state) === 'a');
    assert.deepEqual(text.decode(JSON.parse(JSON.stringify(text.encode(made.state)))), made.state);
    const plain = apply(text.empty(), { create: {} }, { version: 0 });
    assert.ok(plain.result === 'ok' && !plain.state.line && text.value(plain.state) === '');
    assert.equal(apply(of('a'), { create: {} }).result, 'conflict');
  });

  const malformed: readonly (readonly [op: unknown, why: RegExp])[] = [
    [null, /takes/],
    ['x', /takes/],
    [{}, /takes/],
    [{ edits: [] }, /takes/],
    [{ base: 7 }, /takes/],
    [{ base: 7, edits: [], more: 1 }, /takes/],
    [{ base: -1, edits: [] }, /takes/],
    [{ base: 1.5, edits: [] }, /takes/],
    [{ base: '7', edits: [] }, /takes/],
    [{ base: 7, edits: {} }, /list/],
    [{ base: 7, edits: [[0, 0]] }, /an edit is/],
    [{ base: 7, edits: [[0, 0, 'a', 1]] }, /an edit is/],
    [{ base: 7, edits: [{ 0: 0, 1: 0, 2: 'a', length: 3 }] }, /an edit is/],
    [{ base: 7, edits: [[-1, 0, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [[0, -1, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [[0.5, 0, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [['0', 0, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [[0, null, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [[2 ** 53, 0, 'a']] }, /whole numbers/],
    [{ base: 7, edits: [[6, 0, 'a']] }, /5 UTF-16/],
    [{ base: 7, edits: [[3, 3, 'a']] }, /5 UTF-16/],
    [
      {
        base: 7,
        edits: [
          [3, 0, 'a'],
          [2, 0, 'b'],
        ],
      },
      /ascend/,
    ],
    [
      {
        base: 7,
        edits: [
          [0, 3, 'a'],
          [2, 0, 'b'],
        ],
      },
      /ascend/,
    ],
    [{ base: 7, edits: [[0, 0, 1]] }, /string/],
    [{ base: 7, edits: [[0, 0, ['a']]] }, /string/],
    [{ base: 7, edits: Array.from({ length: 10_001 }, () => [0, 0, 'a']) }, /at most 10000/],
    [{ base: 8, edits: [[0, 0, 'a']] }, /does not have yet/],
    [{ create: { granularity: 'word' } }, /granularity/],
    [{ create: { text: 1 } }, /string/],
    [{ create: { size: 1 } }, /takes granularity/],
    [{ create: null }, /takes/],
    [{ create: { text: 'a\r\nb' } }, /carriage/],
    [{ create: { text: '\ud83d' } }, /surrogate/],
  ];
  for (const [op, why] of malformed) {
    it(`[TX3] ${JSON.stringify(op)?.slice(0, 60)} is badOp`, () => refused(apply(of('hello'), op), why));
  }

  it('[TX4] a carriage return is refused, never turned into a line break', () => {
    refused(edit('ab', [1, 0, 'x\r\ny']), /carriage/);
    refused(edit('ab', [1, 0, '\r']), /carriage/);
    assert.equal(shown(edit('ab', [1, 0, '\u2028\u0085\u000b'])), 'a\u2028\u0085\u000bb');
  });

  it('[TX5] half a surrogate pair is refused, inserted or cut off; whole pairs count as two units', () => {
    refused(edit('ab', [1, 0, '\ud83d']), /surrogate/);
    refused(edit('ab', [1, 0, '\ude00x']), /surrogate/);
    refused(edit('a😀b', [2, 0, 'x']), /surrogate pair/);
    refused(edit('a😀b', [1, 1, '']), /surrogate pair/);
    refused(edit('a😀b', [2, 2, '']), /surrogate pair/);
    refused(edit('a😀b', [0, 1, 'x'], [2, 0, 'y']), /surrogate pair/);
    assert.equal(shown(edit('a😀b', [1, 2, '😎'], [4, 0, '!'])), 'a😎b!');
    assert.equal(shown(edit('a😀b', [1, 1, ''], [2, 1, ''])), 'ab', 'both halves');
    assert.equal(shown(edit('😀😀', [2, 0, 'x'])), '😀x😀', 'between two pairs');
    refused(upon('a😀b', [[[0, 0, 'zz']]], { edits: [[2, 0, 'x']] }), /surrogate pair/);
  });

  it('[TX6] what others did elsewhere moves an operation, and nothing is lost', () => {
    const merged = upon('hello world', [[[0, 0, '> ']], [[13, 0, '!']]], { edits: [[5, 1, ' big ']] });
    assert.equal(shown(merged), '> hello big world!');
    assert.ok(merged.result === 'ok');
    assert.deepEqual(merged.delta, { edits: [[7, 1, ' big ']] });
  });

  it('[TX7] what touches an edit that its sender had not seen is refused, and told where that is now', () => {
    const touching: readonly (readonly [theirs: unknown[], mine: unknown[]])[] = [
      [
        [5, 0, 'x'],
        [5, 0, 'y'],
      ],
      [
        [2, 3, ''],
        [5, 0, 'y'],
      ],
      [
        [2, 3, ''],
        [2, 0, 'y'],
      ],
      [
        [2, 3, ''],
        [3, 0, 'y'],
      ],
      [
        [2, 3, ''],
        [2, 3, ''],
      ],
      [
        [2, 3, ''],
        [0, 9, ''],
      ],
      [
        [2, 0, 'x'],
        [0, 2, ''],
      ],
      [
        [2, 0, 'x'],
        [2, 2, ''],
      ],
      [
        [2, 0, 'x'],
        [1, 4, 'z'],
      ],
    ];
    for (const [theirs, mine] of touching) {
      const result = upon('hello world', [[theirs]], { edits: [mine] });
      assert.equal(result.result, 'conflict', JSON.stringify([theirs, mine]));
    }
    const moved = upon('hello world', [[[5, 0, 'xyz']], [[0, 0, '> ']]], { edits: [[5, 0, '!']] });
    assert.ok(moved.result === 'conflict');
    assert.deepEqual(moved.extra?.with, [{ version: 8, clientId: 'c0', from: 7, to: 10 }]);
    const beside = upon('hello world', [[[2, 2, 'x']]], { edits: [[5, 0, 'y']] });
    assert.equal(beside.result, 'ok', 'one unit between them');
  });

  it('[TX8] by lines, whatever is on one line with it is in the way', () => {
    const line = { version: -1 };
    assert.equal(upon('ab\ncd', [[[0, 0, 'x']]], { edits: [[2, 0, 'y']] }, line).result, 'conflict');
    assert.equal(upon('ab\ncd', [[[0, 0, 'x']]], { edits: [[4, 0, 'y']] }, line).result, 'ok');
    assert.equal(upon('ab\ncd', [[[2, 1, '']]], { edits: [[5, 0, 'y']] }, line).result, 'conflict', 'joined lines');
    assert.equal(upon('ab\ncd', [[[0, 0, 'x']]], { edits: [[2, 0, 'y']] }).result, 'ok', 'not by touch');
  });

  it('[TX9] an operation based on what is not known any more is answered with resync', () => {
    assert.equal(apply(of('ab'), { base: 3, edits: [[0, 0, 'x']] }, { since: 'lost' }).result, 'resync');
    assert.equal(apply(text.empty(), { base: 3, edits: [[0, 0, 'x']] }, { version: 0 }).result, 'resync', 'deleted');
    assert.equal(apply(of('ab'), { base: 3, text: 'x' }).result, 'resync');
  });

  it('[TX10] a client whose own edit came since its base is told to await its answers', () => {
    refused(upon('ab', [[[0, 0, 'x']]], { edits: [[2, 0, 'y']] }, { client: 'c0' }), /await/);
    assert.equal(upon('ab', [[[0, 0, 'x']]], { edits: [[2, 0, 'y']] }, { client: 'c1' }).result, 'ok');
  });

  it('[TX11] a text takes 512 KiB of UTF-8, however the characters are distributed', () => {
    const full = 'é'.repeat(MAX_TEXT_BYTES / 2);
    const state = of(full);
    assert.equal(state.bytes, MAX_TEXT_BYTES);
    assert.deepEqual(apply(state, { base: 7, edits: [[0, 0, 'a']] }), { result: 'tooLarge', limit: MAX_TEXT_BYTES });
    assert.equal(apply(state, { base: 7, edits: [[5, 1, 'ab']] }).result, 'ok', 'two for two');
    assert.equal(apply(state, { base: 7, edits: [[5, 1, 'abc']] }).result, 'tooLarge');
    const made = apply(text.empty(), { create: { text: `${full}a` } }, { version: 0 });
    assert.equal(made.result, 'tooLarge');
  });

  it('[TX11] and no more than a record holds when it is escaped', () => {
    const nasty = '\u0001'.repeat(MAX_TEXT_JSON_BYTES / 6);
    assert.equal(apply(text.empty(), { create: { text: nasty } }, { version: 0 }).result, 'ok');
    const more = apply(text.empty(), { create: { text: `${nasty}a` } }, { version: 0 });
    assert.deepEqual(more, { result: 'tooLarge', limit: MAX_TEXT_JSON_BYTES });
  });
});
