import assert from 'node:assert/strict';
import { text } from '../../src/kinds/text/text.ts';
import { textOperationSchema } from '../../src/protocol/text.ts';

describe('the documented form of operations on texts', () => {
  const operations: readonly unknown[] = [
    { base: 1, edits: [[0, 0, 'a']] },
    { base: 1, edits: [[0, 1, '']] },
    { base: 1, edits: [] },
    { base: 1, edits: [[0, 0]] },
    { base: 1, edits: [[-1, 0, 'a']] },
    { base: 1, edits: [[0.5, 0, 'a']] },
    { base: 1, edits: [[0, 0, 7]] },
    { base: -1, edits: [] },
    { base: 1 },
    { edits: [] },
    { base: 1, text: 'ab' },
    { base: 1, text: 7 },
    { base: 1, text: 'ab', edits: [] },
    { create: {} },
    { create: { granularity: 'line', text: 'x' } },
    { create: { granularity: 'word' } },
    { create: { size: 1 } },
    {},
    null,
  ];

  it('[TX45] is that of the operations that are taken', () => {
    const state = text.replay(text.empty(), { create: { granularity: 'touch', text: 'ab' } });
    for (const op of operations) {
      const creates = typeof op === 'object' && op !== null && 'create' in op;
      const { result } = text.apply(state, op, { now: 0, version: creates ? 0 : 1 });
      assert.equal(textOperationSchema.safeParse(op).success, result !== 'invalid', JSON.stringify(op));
    }
  });
});
