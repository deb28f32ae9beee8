import type { Clock } from '../ports/clock.ts';
import { RefusedError } from './errors.ts';
import type { ItemCopy } from './item-copy.ts';
import type { Transport } from './transport.ts';

export type LocksOptions = {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly clientId: () => string;
  readonly signal: AbortSignal;
  readonly onLock: (item: string, held: boolean) => void;
};

export type LockOptions = { readonly ttlMs?: number; readonly steal?: boolean; readonly signal?: AbortSignal };

/** Who got it, or who has it. */
export type LockOutcome =
  | { readonly held: true; readonly ttlMs: number }
  | { readonly held: false; readonly holder: string | undefined };

/** A lock is renewed so many times within its lease. */
const RENEWALS = 3;

/** The locks that this client holds, renewed until they are released or lost. */
export class Locks {
  readonly #options: LocksOptions;
  readonly #renewals = new Map<ItemCopy, () => void>();

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  async lock(copy: ItemCopy, { ttlMs, steal, signal }: LockOptions): Promise<LockOutcome> {
    const { transport, clientId, signal: closed } = this.#options;
    const request = { clientId: clientId(), ...(ttlMs !== undefined && { ttlMs }), ...(steal && { steal }) };
    try {
      const both = signal ? AbortSignal.any([signal, closed]) : closed;
      const grant = await transport.lock(copy.id, request, both);
      const before = copy.fence;
      copy.fence = grant.fence;
      this.#renewLater(copy, ttlMs, grant.ttlMs, grant.ttlMs);
      if (before === undefined) this.#options.onLock(copy.id, true);
      return { held: true, ttlMs: grant.ttlMs };
    } catch (error) {
      if (!(error instanceof RefusedError) || error.status !== 423) throw error;
      return { held: false, holder: error.holder };
    }
  }

  async unlock(copy: ItemCopy, signal: AbortSignal | undefined): Promise<void> {
    const { transport, clientId, signal: closed } = this.#options;
    this.forget(copy);
    await transport.unlock(copy.id, clientId(), signal ? AbortSignal.any([signal, closed]) : closed);
  }

  /** It is released with an update, or lost. */
  forget(copy: ItemCopy): void {
    this.#renewals.get(copy)?.();
    this.#renewals.delete(copy);
    if (copy.fence === undefined) return;
    copy.fence = undefined;
    this.#options.onLock(copy.id, false);
  }

  close(): void {
    for (const stop of this.#renewals.values()) stop();
    this.#renewals.clear();
  }

  /** `leftMs`: until the lease ends unless it is renewed. */
  #renewLater(copy: ItemCopy, ttlMs: number | undefined, leaseMs: number, leftMs: number): void {
    this.#renewals.get(copy)?.();
    const ms = leaseMs / RENEWALS;
    const stop = this.#options.clock.after(ms, () => void this.#renew(copy, ttlMs, leaseMs, leftMs - ms, stop));
    this.#renewals.set(copy, stop);
  }

  async #renew(copy: ItemCopy, ttlMs: number | undefined, leaseMs: number, leftMs: number, mine: () => void) {
    const { transport, clientId, signal } = this.#options;
    const isCurrent = (): boolean => this.#renewals.get(copy) === mine;
    try {
      const request = { clientId: clientId(), ...(ttlMs !== undefined && { ttlMs }) };
      const grant = await transport.lock(copy.id, request, signal);
      if (!isCurrent()) return;
      // Another fence: it was lost and is had anew, so what was made under the old one does not count.
      if (grant.fence !== copy.fence) this.#options.onLock(copy.id, true);
      copy.fence = grant.fence;
      this.#renewLater(copy, ttlMs, grant.ttlMs, grant.ttlMs);
    } catch (error) {
      if (signal.aborted || !isCurrent()) return;
      const lost = (error instanceof RefusedError && !error.mayRetry) || leftMs <= leaseMs / RENEWALS;
      if (lost) this.forget(copy);
      else this.#renewLater(copy, ttlMs, leaseMs, leftMs);
    }
  }
}
