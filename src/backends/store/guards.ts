import { assert } from '../../base/assert.ts';
import { Failure } from '../../ports/failure.ts';
import type { Change, StoreKey, StoreKind, StoreRecord } from '../../ports/store.ts';
import { MAX_ROW_BYTES } from '../../protocol/limits.ts';

/*
 * What every store backend checks before it writes, so that a record which one of them takes is taken by all.
 */

/** Datastore takes 1,500 bytes in an indexed string. */
const MAX_INDEX_CHARS = 1500;
/** Longest part of a key: both parts, prefixed, and the path around them stay far below Datastore's 6 KiB. */
const MAX_KEY_PART_CHARS = 1000;

/** Kinds that can be found by when somebody has to look at them, and by nothing else. */
const DUE_KINDS: ReadonlySet<StoreKind> = new Set(['client', 'ops', 'expiry']);

const INDEX_STRING = /^[!-~]+$/;
const KEY_PART = /^[!-~]*$/;

/** One string per key. Ids hold no `/`, so no two keys share it. */
export function keyText(key: StoreKey): string {
  return `${key.kind}/${key.space}/${key.id}`;
}

export function checkKeys(keys: readonly StoreKey[]): void {
  for (const { space, kind, id } of keys) {
    const sized = space.length > 0 && space.length <= MAX_KEY_PART_CHARS && id.length <= MAX_KEY_PART_CHARS;
    assert(
      sized && KEY_PART.test(space) && KEY_PART.test(id) && !space.includes('/'),
      'a store key is printable ASCII',
    );
    assert(kind !== 'space' || id === '', 'the record of a space has no id');
  }
}

export function sameKey(a: StoreKey, b: StoreKey): boolean {
  return a.id === b.id && a.kind === b.kind && a.space === b.space;
}

/** A decision may change only what it was shown. */
export function checkChanges(keys: readonly StoreKey[], changes: readonly Change[]): void {
  for (const { key, record } of changes) {
    const shown = keys.some((one) => sameKey(one, key));
    assert(shown, 'a decision changes only records among its keys');
    if (record !== 'delete') checkRecord(key.kind, record);
  }
}

/** Throws `storeRefused` for what can never be stored. */
function checkRecord(kind: StoreKind, { data, indexes }: StoreRecord): void {
  if (data.length * 3 > MAX_ROW_BYTES && Buffer.byteLength(data) > MAX_ROW_BYTES) {
    throw new Failure('storeRefused', `a record of ${Buffer.byteLength(data)} bytes, at most ${MAX_ROW_BYTES}`);
  }
  // A lone surrogate would come back as another character.
  if (!data.isWellFormed()) throw new Failure('storeRefused', 'a record that is not well-formed text');
  for (const name in indexes) {
    const text = indexes[name as keyof typeof indexes];
    if (text === undefined) continue;
    if (kind !== 'item' && !(DUE_KINDS.has(kind) && name === 'due')) {
      throw new Failure('storeRefused', `records of kind ${kind} have no index ${name}`);
    }
    if (text.length > MAX_INDEX_CHARS || !INDEX_STRING.test(text)) {
      throw new Failure('storeRefused', `the index ${name} takes 1 to ${MAX_INDEX_CHARS} printable ASCII characters`);
    }
  }
}
