import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import { register } from '../../src/kinds/register.ts';
import { DEFAULT_KIND, KINDS } from '../../src/kinds/registry.ts';
import { MAX_REGISTER_BYTES } from '../../src/protocol/limits.ts';
import { journal } from '../doubles/journal-kind.ts';

const context = { now: 0, version: 1 };
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const op = fc.oneof(
  json.map((set) => ({ set })),
  json.map((merge) => ({ merge })),
);

describe('register', () => {
  it('[RG4] set replaces, merge merges; both are the delta as sent', () => {
    assert.deepEqual(register.apply({ a: 1 }, { set: [2] }, context), {
      result: 'ok',
      state: [2],
      delta: { set: [2] },
      count: 0,
      chars: 3,
      whole: true,
    });
    const merged = register.apply({ a: 1 }, { merge: { b: 2 } }, context);
    assert.deepEqual(merged, { result: 'ok', state: { a: 1, b: 2 }, delta: { merge: { b: 2 } }, count: 0, chars: 13 });
  });

  it('[RG4] set of null and merge of null are values like any other', () => {
    for (const each of [{ set: null }, { merge: null }]) {
      const applied = register.apply({ a: 1 }, each, context);
      assert.ok(applied.result === 'ok' && applied.state === null);
    }
  });

  it('[RG5] anything else is invalid badOp, and never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const applied = register.apply(null, value, context);
        const plain = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
        if (plain.length === 1 && (plain[0] === 'set' || plain[0] === 'merge')) return;
        assert.ok(applied.result === 'invalid' && applied.code === 'badOp');
      }),
    );
  });

  it('[RG6] values are counted in UTF-8 bytes of their JSON, up to 256 KiB', () => {
    const at = (set: string) => register.apply(null, { set }, context).result;
    assert.equal(at('x'.repeat(MAX_REGISTER_BYTES - 2)), 'ok');
    assert.equal(at('x'.repeat(MAX_REGISTER_BYTES - 1)), 'tooLarge');
    assert.equal(at('€'.repeat(Math.floor((MAX_REGISTER_BYTES - 2) / 3))), 'ok');
    assert.equal(at('€'.repeat(Math.ceil((MAX_REGISTER_BYTES - 1) / 3))), 'tooLarge');
    assert.equal(at('"'.repeat(MAX_REGISTER_BYTES / 2)), 'tooLarge');
  });

  it('[RG7] the laws of a kind hold: replay of the delta gives the state, decode of the code gives the state', () => {
    fc.assert(
      fc.property(json, op, (state, each) => {
        const before = JSON.stringify(state);
        const applied = register.apply(state, each, context);
        assert.ok(applied.result === 'ok');
        assert.deepEqual(register.replay(state, applied.delta), applied.state);
        assert.deepEqual(register.decode(JSON.parse(JSON.stringify(register.encode(applied.state)))), applied.state);
        assert.equal(JSON.stringify(state), before);
      }),
    );
  });

  it('[RG7] so they do for the kind that the tests of the core use', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (state, text) => {
        const applied = journal.apply(state, { add: text }, context);
        assert.ok(applied.result === 'ok');
        assert.deepEqual(journal.replay(state, applied.delta), applied.state);
      }),
    );
  });

  it('[RG8] register is the default kind', () => {
    assert.equal(DEFAULT_KIND, 'register');
    assert.equal(KINDS.get(DEFAULT_KIND)?.name, 'register');
    for (const [name, kind] of KINDS) assert.equal(kind.name, name);
  });
});
