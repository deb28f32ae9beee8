import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isId, parseClientId, parseItemId, parseSpaceId } from '../../src/protocol/ids.ts';
import { findJsonFault } from '../../src/protocol/json-guard.ts';
import { MAX_ID_CHARS, MAX_JSON_DEPTH } from '../../src/protocol/limits.ts';

describe('ids', () => {
  it('[ID1] an id has 1 to 128 characters of A-Z a-z 0-9 . _ ~ : -', () => {
    for (const id of ['a', 'A-Z_a~z:0.9', '.a', 'x'.repeat(MAX_ID_CHARS), '__proto__', '__x__', 'constructor', '-', '..a']) {
      assert.ok(isId(id), id);
    }
    for (const id of ['', 'x'.repeat(MAX_ID_CHARS + 1), 'a b', 'a/b', 'a#b', 'é', 'a\n', '\na', 'a\u0000', 'a%2e', 'a*', undefined, null, 3, ['a']]) {
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

describe('JSON that is let in', () => {
  const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => (depth === 0 ? 1 : wrap(nested(depth - 1, wrap)));

  it('[ID3] nesting up to 32 is allowed, 33 is tooDeep, in arrays and objects; a scalar has depth 0', () => {
    for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ a: inner })]) {
      assert.equal(findJsonFault(nested(MAX_JSON_DEPTH, wrap)), undefined);
      assert.equal(findJsonFault(nested(MAX_JSON_DEPTH + 1, wrap)), 'tooDeep');
    }
    assert.equal(findJsonFault(nested(100_000, (inner) => [inner])  ), 'tooDeep');
    for (const scalar of [1, 'x', null, true]) assert.equal(findJsonFault(scalar), undefined);
  });

  it('[ID4] a __proto__ key is badKey wherever it stands; constructor and prototype are ordinary', () => {
    for (const text of ['{"__proto__":1}', '[{"a":{"__proto__":null}}]', '{"a":[[{"__proto__":{}}]]}']) {
      assert.equal(findJsonFault(JSON.parse(text)), 'badKey', text);
    }
    for (const text of ['{"constructor":{"prototype":{}}}', '["__proto__"]', '{"a":"__proto__","__proto":1}']) {
      assert.equal(findJsonFault(JSON.parse(text)), undefined, text);
    }
  });

  it('[ID4] no JSON makes the check throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void findJsonFault(JSON.parse(JSON.stringify(value)))));
  });
});
