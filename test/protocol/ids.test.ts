import assert from 'node:assert/strict';
import { isId, parseClientId, parseItemId, parseSpaceId } from '../../src/protocol/ids.ts';
import { MAX_ID_CHARS } from '../../src/protocol/limits.ts';

describe('ids', () => {
  it('[ID1] an id has 1 to 128 characters of A-Z a-z 0-9 . _ ~ : -', () => {
    for (const id of [
      'a',
      'A-Z_a~z:0.9',
      '.a',
      'x'.repeat(MAX_ID_CHARS),
      '__proto__',
      '__x__',
      'constructor',
      '-',
      '..a',
    ]) {
      assert.ok(isId(id), id);
    }
    for (const id of [
      '',
      'x'.repeat(MAX_ID_CHARS + 1),
      'a b',
      'a/b',
      'a#b',
      'é',
      'a\n',
      '\na',
      'a\u0000',
      'a%2e',
      'a*',
      undefined,
      null,
      3,
      ['a'],
    ]) {
      assert.ok(!isId(id), String(id));
    }
  });

  it('[ID2] an id is not only dots', () => {
    for (const id of ['.', '..', '...', '.'.repeat(128)]) assert.ok(!isId(id), id);
  });

  it('[ID1] spaces, items and clients follow the same rule', () => {
    for (const parse of [parseSpaceId, parseItemId, parseClientId]) {
      assert.equal(parse('a'), 'a');
      assert.equal(parse('a/b'), undefined);
      assert.equal(parse('..'), undefined);
    }
  });
});
