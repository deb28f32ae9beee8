import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkKey, placeOf } from '../../src/backends/cache/guards.ts';
import { checkKeys } from '../../src/backends/store/guards.ts';
import {
  bodyKey,
  floorKey,
  headKey,
  indexKey,
  isReloadable,
  itemRowKey,
  ledgerKey,
  ownerRowKey,
  pulseKey,
  seenKey,
  settingsKey,
  shardOf,
  spaceRowKey,
} from '../../src/model/keys.ts';
import { MAX_CACHE_KEY_BYTES, MAX_ID_CHARS } from '../../src/protocol/limits.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-';
const id = fc
  .array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: MAX_ID_CHARS })
  .map((letters) => letters.join(''))
  .filter((text) => !/^\.+$/.test(text));

const allKeys = (space: string, item: string) => [
  floorKey(space),
  headKey(space, item),
  indexKey(space, 3),
  ledgerKey(space, 3),
  bodyKey(space, 'AAAAAAAAAAAAAAAA'),
  seenKey(space, 'A'.repeat(22)),
  pulseKey(space),
  settingsKey(space),
];

describe('keys', () => {
  it('[KY7] every key of any ids is taken by every cache and store backend', () => {
    fc.assert(
      fc.property(id, id, (space, item) => {
        for (const key of allKeys(space, item)) {
          checkKey(key);
          assert.ok(Buffer.byteLength(key) <= MAX_CACHE_KEY_BYTES);
        }
        checkKeys([itemRowKey(space, item), spaceRowKey(space), ownerRowKey()]);
      }),
    );
  });

  it('[KY8] all keys of a space share their place', () => {
    fc.assert(
      fc.property(id, id, (space, item) => {
        assert.equal(new Set(allKeys(space, item).map(placeOf)).size, 1);
      }),
    );
  });

  it('[KY9] different spaces and items never share a key, long ids included', () => {
    const long = 'x'.repeat(MAX_ID_CHARS - 1);
    const pairs = ['a', 'b', `${long}a`, `${long}b`, 'a:b', '__proto__'].flatMap((space) =>
      ['a', 'b', 'b:a', `${long}a`, `${long}b`].map((item) => headKey(space, item)),
    );
    assert.equal(new Set(pairs).size, 30);
    fc.assert(
      fc.property(id, id, id, id, (s1, i1, s2, i2) => {
        fc.pre(s1 !== s2 || i1 !== i2);
        assert.notEqual(headKey(s1, i1), headKey(s2, i2));
      }),
    );
  });

  it('[KY10] a cache that has to make room may drop heads and bodies, never floor, index or ledger', () => {
    assert.deepEqual(allKeys('s', 'i').map(isReloadable), [false, true, false, false, true, true, true, true]);
  });

  it('[KY11] shards are spread evenly, and every build agrees on them', () => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 4_000; i++) {
      const shard = shardOf(`item-${i}`, 4);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 800 && count < 1_200, String(counts));
    assert.deepEqual(
      ['', 'a', 'item-1', 'card:42'].map((text) => shardOf(text, 4)),
      [1, 0, 0, 1],
    );
  });
});
