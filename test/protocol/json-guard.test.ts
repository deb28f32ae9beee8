import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findJsonFault } from '../../src/protocol/json-guard.ts';
import { MAX_JSON_DEPTH } from '../../src/protocol/limits.ts';

function nested(depth: number, text = '1'): unknown {
  return JSON.parse('['.repeat(depth) + text + ']'.repeat(depth));
}

describe('findJsonFault', () => {
  it('[HT1] takes nesting up to the limit and not one more', () => {
    assert.equal(findJsonFault(nested(MAX_JSON_DEPTH)), undefined);
    assert.equal(findJsonFault(nested(MAX_JSON_DEPTH + 1)), 'tooDeep');
  });

  it('[HT1] does not recurse into what is far too deep', () => {
    assert.equal(findJsonFault(nested(200_000)), 'tooDeep');
  });

  it('[HT2] finds __proto__ as a key at any depth, however it is escaped', () => {
    for (const text of ['{"__proto__":1}', '[{"a":{"\\u005f_proto__":null}}]']) {
      assert.equal(findJsonFault(JSON.parse(text)), 'badKey');
    }
  });

  it('[HT2] takes constructor, prototype and the string __proto__ as data', () => {
    assert.equal(findJsonFault(JSON.parse('{"constructor":{"prototype":"__proto__"}}')), undefined);
  });

  it('[HT3] finds numbers that would come back as null, and takes the largest there are', () => {
    for (const text of ['1e309', '[{"a":-1e309}]', `[1${'0'.repeat(309)}]`])
      assert.equal(findJsonFault(JSON.parse(text)), 'badNumber', text.slice(0, 20));
    for (const text of ['[1.7976931348623157e308]', '5e-324', '1e-400'])
      assert.equal(findJsonFault(JSON.parse(text)), undefined);
  });

  it('[HT1, HT2] takes every JSON value that breaks neither rule', () => {
    const value = fc.jsonValue({ maxDepth: 6 }).filter((one) => !JSON.stringify(one).includes('__proto__'));
    fc.assert(fc.property(value, (one) => findJsonFault(one) === undefined));
  });
});
