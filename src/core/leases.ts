import { lockKey } from '../model/keys.ts';
import { decodeLease, encodeLease, type Lease } from '../model/lease-record.ts';
import type { CasToken } from '../ports/cache.ts';
import type { Deps } from './context.ts';

export type HeldLease = { readonly lease: Lease; readonly token: CasToken };

/** The records that say which lock is alive. Each lives as long as its lease, by the clock of the cache. */
export class Leases {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async read(space: string, item: string): Promise<HeldLease | undefined> {
    const [entry] = await this.#deps.cache.get([lockKey(space, item)]);
    return entry && { lease: decodeLease(entry.value), token: entry.token };
  }

  /** Over exactly the record that `over` names, else only where there is none: never blindly, which could bring a lease back that another one has followed. */
  async put(space: string, item: string, lease: Lease, ttlMs: number, over: CasToken | undefined): Promise<boolean> {
    const { cache } = this.#deps;
    const key = lockKey(space, item);
    const seconds = Math.ceil(ttlMs / 1_000);
    if (over === undefined) return (await cache.add(key, encodeLease(lease), seconds)) !== undefined;
    return (await cache.cas(key, encodeLease(lease), over, seconds)).status === 'stored';
  }

  /** Ends the lease of this grant, and no other. */
  async drop(space: string, item: string, grant: string): Promise<void> {
    const found = await this.read(space, item);
    if (found?.lease.grant === grant) await this.#deps.cache.delete(lockKey(space, item), found.token);
  }
}
