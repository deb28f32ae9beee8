import { decodeHead, type Head, isPlaceholder } from '../../src/model/head.ts';
import { decodeLease, type Lease } from '../../src/model/lease-record.ts';
import type { CacheKey } from '../../src/ports/cache.ts';
import type { CacheWorld } from './cache-world.ts';
import type { History } from './history.ts';

export function watchLocks(cache: CacheWorld, history: History): void {
  const oracle = new LockOracle(cache, history);
  cache.watch = (key, before, value) => {
    if (key.startsWith('i/')) oracle.written(key, headIn(before), headIn(value));
    if (key.startsWith('l/') && before) noteTaking(history, key, decodeLease(before), decodeLease(value));
  };
}

/** Notes in the history what only the cache itself can tell of the locks: whether a lease was running, by its own clock, when a head that said so was replaced. */
class LockOracle {
  readonly #cache: CacheWorld;
  readonly #history: History;
  /** Highest lineage and fence that a head of the item ever had. */
  readonly #seen = new Map<string, { L: number; fence: number }>();

  constructor(cache: CacheWorld, history: History) {
    this.#cache = cache;
    this.#history = history;
  }

  written(key: CacheKey, before: Head | undefined, after: Head | undefined): void {
    if (!after) return;
    const item = key.slice(2);
    this.#checkLife(item, after);
    const lock = before?.lock;
    if (!before || !lock || after.lock?.grant === lock.grant) return;
    const lease = this.#cache.read(key.replace('i', 'l'));
    if (!lease || decodeLease(lease.value).grant !== lock.grant) return;
    const what = `${item} v${after.v}: the lease of ${lock.holder} (fence ${before.fence}) was running`;
    if (after.lock) this.#history.found('C8 lock broken', `${what}, yet ${after.lock.holder} was granted it`);
    else this.#history.ends.push({ item, version: after.v, holder: lock.holder });
  }

  #checkLife(item: string, { v, L, fence, lock }: Head): void {
    const seen = this.#seen.get(item) ?? { L: 0, fence: 0 };
    if (L > seen.L && lock) this.#history.found('C8 lock broken', `${item} v${v}: a lock outlived its rollback`);
    if (L >= seen.L && fence < seen.fence)
      this.#history.found('C8 lock broken', `${item} v${v}: the fence fell from ${seen.fence} to ${fence}`);
    this.#seen.set(item, { L: Math.max(L, seen.L), fence: Math.max(fence, seen.fence) });
  }
}

function noteTaking({ takings }: History, key: CacheKey, before: Lease, after: Lease): void {
  if (before.holder !== after.holder) takings.push({ item: key.slice(2), from: before.holder, by: after.holder });
}

function headIn(bytes: Buffer | undefined): Head | undefined {
  const head = bytes && decodeHead(bytes);
  return head && !isPlaceholder(head) ? head : undefined;
}
