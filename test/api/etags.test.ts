import assert from 'node:assert/strict';
import { evaluate, readPreconditions } from '../../src/api/etags.ts';
import { ProblemError } from '../../src/protocol/errors.ts';

describe('preconditions', () => {
  const table: readonly (readonly [match: string, noneMatch: string, current: number, verdict: string])[] = [
    ['', '', 0, 'go'],
    ['"3"', '', 3, 'go'],
    ['"3"', '', 4, 'match'],
    ['"2", "3"', '', 3, 'go'],
    ['W/"3"', '', 3, 'match'],
    ['"03"', '', 3, 'match'],
    ['"0"', '', 0, 'match'],
    ['*', '', 1, 'go'],
    ['*', '', 0, 'match'],
    ['', '*', 0, 'go'],
    ['', '*', 1, 'noneMatch'],
    ['', '"3"', 3, 'noneMatch'],
    ['', 'W/"3"', 3, 'noneMatch'],
    ['', '"2" , W/"4"', 3, 'go'],
    ['', '"0"', 0, 'go'],
    ['"3"', '"3"', 3, 'noneMatch'],
  ];
  for (const [match, noneMatch, current, verdict] of table) {
    it(`[HT20] If-Match ${match || '-'}, If-None-Match ${noneMatch || '-'} over ${current}: ${verdict}`, () => {
      const headers = { ...(match && { 'if-match': match }), ...(noneMatch && { 'if-none-match': noneMatch }) };
      assert.equal(evaluate(readPreconditions(headers), current), verdict);
    });
  }

  for (const text of ['3', '"3', '"3" "4"', '', '"3",', 'w/"3"', '*, "3"']) {
    it(`[HT20] refuses the header \`${text}\``, () => {
      assert.throws(() => readPreconditions({ 'if-match': text }), ProblemError);
    });
  }
});
