import { createHash } from 'node:crypto';

/** A key of the cache: `<letter>/<place>/<rest>`, printable ASCII without spaces. */
export type CacheKey = string;

/** What is kept in the store. `id` is empty for the one record of a space or deployment. */
export type StoreKey = { readonly space: string; readonly kind: StoreKind; readonly id: string };
export type StoreKind = 'item' | 'value' | 'ops' | 'space' | 'client' | 'owner' | 'resource' | 'usage' | 'expiry';
/** The kinds whose records can be found by an index. */
export type IndexedKind = 'item' | 'client' | 'ops' | 'expiry';

/*
 * Every key is spelled here. A cache key is `<letter>/<place>/<rest>`: all keys of a space share the place, hence the
 * node. Ids cannot hold `/` or `#`, so parts never run into each other, and a long id travels as `#` and its hash.
 */

const MAX_PLAIN_CHARS = 80;

function part(id: string): string {
  return id.length <= MAX_PLAIN_CHARS ? id : `#${createHash('sha256').update(id).digest('base64url')}`;
}

export function floorKey(space: string): CacheKey {
  return `f/${part(space)}/`;
}
/** Held by whoever begins an epoch. */
export function beginKey(space: string): CacheKey {
  return `g/${part(space)}/`;
}
export function headKey(space: string, item: string): CacheKey {
  return `i/${part(space)}/${part(item)}`;
}
export function indexKey(space: string, shard: number): CacheKey {
  return `x/${part(space)}/${shard}`;
}
export function ledgerKey(space: string, shard: number): CacheKey {
  return `d/${part(space)}/${shard}`;
}
/** Bodies and tail segments: immutable, named by random ids, known only to the head that names them. */
export function bodyKey(space: string, random: string): CacheKey {
  return `b/${part(space)}/${random}`;
}
export function seenKey(space: string, hash: string): CacheKey {
  return `s/${part(space)}/${hash}`;
}
export function pulseKey(space: string): CacheKey {
  return `p/${part(space)}/`;
}
/** That the lock of an item is alive: goes with its lease. */
export function lockKey(space: string, item: string): CacheKey {
  return `l/${part(space)}/${part(item)}`;
}
/** That what is reserved for a writer (`subject/client`) is so still: goes with its lease. A writer has one in a space. */
export function reservationKey(space: string, writer: string): CacheKey {
  return `k/${part(space)}/${createHash('sha256').update(writer).digest('base64url')}`;
}
/** The settings of a space, as they are in the store. */
export function settingsKey(space: string): CacheKey {
  return `o/${part(space)}/`;
}
/** That a one-time ticket was used. */
export function ticketKey(space: string, random: string): CacheKey {
  return `t/${part(space)}/${random}`;
}

/** What a caller, who is named here by a hash alone, has used up in one window of time. */
export function countKey(name: string, window: number): CacheKey {
  return `n/${createHash('sha256').update(name).digest('base64url')}/${window}`;
}
/** Who is here: one record per shard of the clients of a space. */
export function rosterKey(space: string, shard: number): CacheKey {
  return `r/${part(space)}/${shard}`;
}
/** Tells which shards of the roster changed. */
export function rosterPulseKey(space: string): CacheKey {
  return `q/${part(space)}/`;
}
/** Which instance hears which client. */
export function claimsKey(space: string): CacheKey {
  return `c/${part(space)}/`;
}
/** Held by whoever tidies a space that everybody has left. */
export function emptyKey(space: string): CacheKey {
  return `e/${part(space)}/`;
}
/** A tile of a picture: immutable, named by a random id, known only to the record that names it. */
export function tileKey(space: string, random: string): CacheKey {
  return `g/${part(space)}/${random}`;
}

/** How far a picture has been drawn. */
export function rasterKey(space: string, item: string): CacheKey {
  return `a/${part(space)}/${part(item)}`;
}
/** Held by whoever writes a picture to the blobs. */
export function pictureLockKey(space: string, item: string): CacheKey {
  return `w/${part(space)}/${part(item)}`;
}

const RELOADABLE = 'ibspngao';

/** Records that can be made again from the store, or whose loss costs one more read. */
export function isReloadable(key: CacheKey): boolean {
  return RELOADABLE.includes(key.charAt(0));
}

export function itemRowKey(space: string, item: string): StoreKey {
  return { space, kind: 'item', id: item };
}
/** The value of an item whose row does not hold it. */
export function valueRowKey(space: string, item: string): StoreKey {
  return { space, kind: 'value', id: item };
}
export function clientRowKey(space: string, client: string): StoreKey {
  return { space, kind: 'client', id: client };
}
export function spaceRowKey(space: string): StoreKey {
  return { space, kind: 'space', id: '' };
}
/** Greatest index there can be; archived operations sort from the newest to the oldest. */
const LAST_INDEX = 9_999_999_999_999;

/** Archived operations of the life of an item that began with version `born`; the first of them has the index `first`. */
export function opsRowKey(space: string, item: string, born: number, first: number): StoreKey {
  return { space, kind: 'ops', id: opsPrefix(item, born) + backwards(first) };
}
export function opsPrefix(item: string, born: number): string {
  return `${item}#${born}#`;
}
/** Listing after it finds first what holds the operation at `index`. */
export function opsListedAfter(item: string, born: number, index: number): string {
  return opsPrefix(item, born) + backwards(index + 1);
}
/** Says that a life of an item is over, so that its archived operations can go. */
export function endedRowKey(space: string, item: string, born: number): StoreKey {
  return { space, kind: 'ops', id: `${opsPrefix(item, born)}${ENDED}` };
}
const ENDED = 'ended';
/** Messages of a log in a record of their own; goes with the operations of its life, and is listed after all of them. */
export function logPartKey(space: string, item: string, born: number, name: string): StoreKey {
  return { space, kind: 'ops', id: `${opsPrefix(item, born)}part-${name}` };
}

/** A life of an item: what begins with version `born`. */
export type Life = { readonly space: string; readonly item: string; readonly born: number };
/** Archived operations of a life, the first of which has the index `first`. */
export type Segment = Life & { readonly first: number };

/** `undefined` unless the key is one of `endedRowKey`. */
export function endedLife({ space, id }: StoreKey): Life | undefined {
  const [item = '', born, what] = id.split('#');
  return what === ENDED ? { space, item, born: Number(born) } : undefined;
}
/** `undefined` unless the key is one of `opsRowKey`. */
export function segmentOf({ space, id }: StoreKey): Segment | undefined {
  const [item = '', born, what = ''] = id.split('#');
  if (!/^\d+$/.test(what)) return undefined;
  return { space, item, born: Number(born), first: LAST_INDEX - Number(what) };
}

function backwards(index: number): string {
  return String(LAST_INDEX - index).padStart(13, '0');
}

/** Of a resource by its hash, or of an upload that is under way by its own id, which is shorter. */
export function resourceRowKey(space: string, id: string): StoreKey {
  return { space, kind: 'resource', id };
}
/** What the resources of a space take up. */
export function usageRowKey(space: string): StoreKey {
  return { space, kind: 'usage', id: '' };
}
/** When a log that ends by itself is to be looked at. */
export function expiryRowKey(space: string, item: string): StoreKey {
  return { space, kind: 'expiry', id: item };
}
/** One record per deployment; `#owner` cannot be the id of a space. */
export function ownerRowKey(): StoreKey {
  return { space: '#owner', kind: 'owner', id: '' };
}

/** Written and deleted by one examination of `longshore doctor`, to see that it can be. */
export function doctorRowKey(examination: string): StoreKey {
  return { space: '#doctor', kind: 'owner', id: examination };
}

/** A space in the name of a blob, which takes no `:`. */
function spacePart(space: string): string {
  return createHash('sha256').update(space).digest('base64url');
}
export function resourceBlobName(space: string, hash: string): string {
  return `r/${spacePart(space)}/${hash}`;
}
/** An upload that goes past the server, until it is looked at. */
export function uploadBlobName(space: string, upload: string): string {
  return `u/${spacePart(space)}/${upload}`;
}

/** All that is stored of the pictures of a space; of a picture; of one of its lives. */
/** Of the stored pictures of all spaces. */
export const PICTURES_PREFIX = 'p/';
export function picturesPrefix(space: string): string {
  return `${PICTURES_PREFIX}${spacePart(space)}/`;
}
export function lifePrefix({ space, item, born }: Life): string {
  return `${picturesPrefix(space)}${itemPart(item)}/${born}/`;
}
function itemPart(item: string): string {
  return createHash('sha256').update(item).digest('base64url');
}

/** Archived operations in blobs: all; of a space; of an item. */
export function archivePrefix(space?: string, item?: string): string {
  if (space === undefined) return 'o/';
  return item === undefined ? `o/${spacePart(space)}/` : `o/${spacePart(space)}/${itemPart(item)}/`;
}
export function lifeArchivePrefix({ space, item, born }: Life): string {
  return `${archivePrefix(space, item)}${born}/`;
}
/** As in the store, the newest come first. */
export function archiveBlobName(segment: Segment): string {
  return lifeArchivePrefix(segment) + backwards(segment.first);
}
/** Listing after it finds first what holds the operation at `index`. */
export function archiveListedAfter(life: Life, index: number): string {
  return lifeArchivePrefix(life) + backwards(index + 1);
}

/** FNV-1a, 32 bits: spreads ids over shards. Every instance must agree on it. */
export function shardOf(id: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
