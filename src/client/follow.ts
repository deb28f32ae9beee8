import type { GetUpdatesResponse, ItemAnswer, MustReset } from '../protocol/get-updates.ts';
import { mayRetry, RefusedError } from './errors.ts';
import type { HttpClient } from './http-client.ts';
import { ResetGuard } from './reset-guard.ts';

/** What one answer brought that was not known before. */
export type Step = {
  readonly items: readonly ItemAnswer[];
  /** Items that a snapshot no longer names. */
  readonly gone: readonly string[];
  readonly durable: { readonly [id: string]: number };
  readonly mustReset?: MustReset;
  readonly upToDate: boolean;
  readonly marker: string;
};

export type FollowOptions = {
  readonly ids?: readonly string[];
  /** Absent: begins with a snapshot. `now`: only what comes. */
  readonly marker?: string;
  readonly durable?: boolean;
  readonly signal?: AbortSignal;
  /** Told of every failure that is tried again. */
  readonly onTrouble?: (error: unknown) => void;
};

/**
 * Follows a space for ever: long polls along one marker chain. Every change comes at least once; what is known already is
 * dropped. Failures that may pass are waited out; a marker that the server no longer takes is given up for a snapshot.
 */
export async function* follow(client: HttpClient, space: string, options: FollowOptions = {}): AsyncGenerator<Step> {
  const { ids, durable, signal } = options;
  const known = new Known(options.marker === undefined);
  const resets = new ResetGuard(client.clock);
  let marker = options.marker;
  for (let failures = 0; ; ) {
    let answer: GetUpdatesResponse;
    try {
      const query = { ...(ids && { ids }), ...(durable && { durable }), ...(marker === undefined ? {} : { marker }) };
      answer = await client.getUpdates(space, query, signal);
      failures = 0;
    } catch (error) {
      if (isMarkerGone(error) && marker !== undefined) {
        marker = undefined;
        known.restart();
      } else if (!mayRetry(error)) throw error;
      options.onTrouble?.(error);
      await client.pause(failures++, error);
      signal?.throwIfAborted();
      continue;
    }
    marker = answer.marker;
    yield known.take(answer);
    const calm = answer.mustReset === undefined ? 0 : resets.note();
    if (calm > 0) await client.clock.sleep(calm);
  }
}

function isMarkerGone(error: unknown): boolean {
  return error instanceof RefusedError && (error.code === 'badMarker' || error.code === 'filterChanged');
}

/** The newest version seen of each item, deleted ones too: a repeat must not look like news. */
export class Known {
  readonly #versions = new Map<string, number>();
  readonly #alive = new Set<string>();
  /** Ids that the snapshot under way has named so far. */
  #named: Set<string> | undefined;

  constructor(snapshot: boolean) {
    if (snapshot) this.restart();
  }

  /** A snapshot begins: at its end, what it did not name is gone. */
  restart(): void {
    this.#named = new Set();
  }

  take(answer: GetUpdatesResponse): Step {
    if (answer.mustReset !== undefined) this.restart();
    const items = answer.items.filter((item) => this.#isNews(item));
    const { durable = {}, upToDate, marker, mustReset } = answer;
    const gone = upToDate ? this.#endSnapshot() : [];
    return { items, gone, durable, upToDate, marker, ...(mustReset && { mustReset }) };
  }

  #isNews(item: ItemAnswer): boolean {
    const deleted = 'deleted' in item;
    if (!deleted) this.#named?.add(item.id);
    if (item.version <= (this.#versions.get(item.id) ?? 0)) return false;
    this.#versions.set(item.id, item.version);
    if (deleted) this.#alive.delete(item.id);
    else this.#alive.add(item.id);
    return true;
  }

  #endSnapshot(): string[] {
    const named = this.#named;
    this.#named = undefined;
    const gone = named === undefined ? [] : [...this.#alive].filter((id) => !named.has(id));
    for (const id of gone) this.#alive.delete(id);
    return gone;
  }
}
