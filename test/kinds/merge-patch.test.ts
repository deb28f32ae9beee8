import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import { mergePatch } from '../../src/kinds/merge-patch.ts';

/** RFC 7396, appendix A: original, patch, result. */
const VECTORS: readonly (readonly [original: string, patch: string, result: string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: true } as never) as fc.Arbitrary<Json>;
const safe = json.map((value) => JSON.parse(JSON.stringify(value)) as Json);

/** The pseudocode of the RFC, on maps, for comparison. */
function reference(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result = new Map<string, unknown>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, reference(result.get(name), value));
  }
  return Object.fromEntries(result);
}

describe('merge patch', () => {
  for (const [original, patch, result] of VECTORS) {
    it(`[RG1] RFC 7396 appendix A: ${original} with ${patch} gives ${result}`, () => {
      assert.deepEqual(mergePatch(JSON.parse(original), JSON.parse(patch)), JSON.parse(result));
    });
  }

  it('[RG1] any target and patch give what the pseudocode of the RFC gives', () => {
    fc.assert(
      fc.property(safe, safe, (target, patch) => assert.deepEqual(mergePatch(target, patch), reference(target, patch))),
    );
  });

  it('[RG2] neither target nor patch is changed', () => {
    fc.assert(
      fc.property(safe, safe, (target, patch) => {
        const before = JSON.stringify([target, patch]);
        mergePatch(target, patch);
        assert.equal(JSON.stringify([target, patch]), before);
      }),
    );
  });

  it('[RG3] keys named like members of Object.prototype are ordinary data', () => {
    const patch = JSON.parse('{"constructor":{"prototype":{"x":1}},"toString":"t","hasOwnProperty":{"y":null,"z":2}}');
    const result = mergePatch({ a: 1 }, patch);
    assert.equal(
      JSON.stringify(result),
      '{"a":1,"constructor":{"prototype":{"x":1}},"toString":"t","hasOwnProperty":{"z":2}}',
    );
    assert.deepEqual(mergePatch(result, { constructor: null, toString: null, hasOwnProperty: null } as never), {
      a: 1,
    });
    assert.equal(({} as { x?: number }).x, undefined);
  });

  it('[RG3] even a __proto__ key reaches no prototype', () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}}}');
    const result = mergePatch({}, patch) as Record<string, unknown>;
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal((result as { polluted?: boolean }).polluted, undefined);
    const target = JSON.parse('{"__proto__":{"b":1}}') as Json;
    const merged = mergePatch(target, JSON.parse('{"__proto__":{"c":2}}'));
    assert.equal(Object.getPrototypeOf(merged), Object.prototype);
  });
});
