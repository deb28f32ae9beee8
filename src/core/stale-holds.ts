import type { Head } from '../model/head.ts';
import { isFailure } from '../ports/failure.ts';
import { RetryLater } from './context.ts';
import type { Leases } from './leases.ts';
import { type ClientName, type ClientRecords, grantsIn, suspecting, withoutSuspect } from './people-types.ts';
import type { SpaceState } from './space-state.ts';

type Parts = {
  readonly leases: Leases;
  readonly clients: ClientRecords;
  /** As it is in the cache, or loaded. */
  readonly headOf: (space: SpaceState, item: string) => Promise<Head>;
};

/**
 * Entries of clients' records that a crash or a failure has left: neither the head of the item nor its lease knows their grant. So looks an entry, too, whose grab
 * is under way, between entry and lease. So the entry is marked first, and counts meanwhile; then the lease is looked at once more, and what is still marked
 * goes. The grab looks for its entry when it has its lease, and takes the mark off. Of the two, whoever is second sees the other: the entry stays, or the
 * grab begins anew.
 */
export class StaleHolds {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes out what is stale among what the client holds besides `except`; returns whether there was any. `by`: an id that nobody else gives. */
  async clear(space: SpaceState, name: ClientName, except: string, by: string): Promise<boolean> {
    const held = Object.entries(await this.#parts.clients.heldBy(space, name));
    const others = held.filter(([item]) => item !== except);
    const cleared = await Promise.all(others.map(([item, entry]) => this.#clearOne(space, name, item, entry, by)));
    return cleared.some(Boolean);
  }

  async #clearOne(space: SpaceState, name: ClientName, item: string, entry: string, by: string): Promise<boolean> {
    const { clients, headOf } = this.#parts;
    const grants = grantsIn(entry);
    try {
      const locked = (await headOf(space, item)).lock?.grant;
      if (locked !== undefined && grants.includes(locked)) return false;
      if (await this.#isRunning(space, item, grants)) return false;
      for (const grant of grants) await clients.revise(space, name, (held) => suspecting(held, item, grant, by));
      if (await this.#isRunning(space, item, grants)) return false;
      let cleared = false;
      for (const grant of grants) {
        if (!(await clients.revise(space, name, (held) => withoutSuspect(held, item, grant, by)))) continue;
        await clients.drop(space, name, item, grant); // of the store, too
        cleared = true;
      }
      return cleared;
    } catch (error) {
      if (isFailure(error) || error instanceof RetryLater) return false; // it cannot be told now
      throw error;
    }
  }

  async #isRunning(space: SpaceState, item: string, grants: readonly string[]): Promise<boolean> {
    const grant = (await this.#parts.leases.read(space.id, item))?.lease.grant;
    return grant !== undefined && grants.includes(grant);
  }
}
