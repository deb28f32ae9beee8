import { resourceBlobName, resourceRowKey, uploadBlobName, usageRowKey } from '../../model/keys.ts';
import { decodeResourceRow, type ResourceRow } from '../../model/resource-row.ts';
import { isFailure } from '../../ports/failure.ts';
import { parseResourceHash } from '../../protocol/resources.ts';
import { Recurring } from '../recurring.ts';
import { namedResources } from './named-resources.ts';
import { decideGoing, decideGone, decideSeen, decideSweep } from './resource-changes.ts';
import type { ResourceParts } from './resources.ts';

type SweepParts = Pick<ResourceParts, 'store' | 'blobs' | 'settings' | 'clock' | 'log' | 'metrics'>;

const SWEEP_MS = 60_000;
/** Spaces of one look; the next one goes on. */
const SPACES_PER_SWEEP = 100;
const ROWS_PER_READ = 100;
/** Rows of items have up to a megabyte. */
const ITEMS_PER_READ = 20;
/** A space is looked through so many times in the time that an unused resource is kept. */
const SWEEPS_PER_KEEPING = 8;
const MAX_EVERY_MS = 86_400_000;
/** What may name a resource; archived operations that do are never moved out of the store. Rows first: what leaves them gets into the others, and a hash must not slip past whoever looks. */
const NAMING = ['item', 'value', 'ops'] as const;
/** What has not arrived after so long never will. */
const ARRIVING_MS = 3_600_000;

/**
 * Deletes resources that no item of their space has named for as long as the space keeps them, what uploads left that did not end, and, with a space, all of
 * its resources. Sweeps never run twice at once in a process, and each space is swept by one instance at a time.
 */
export class ResourceSweeper {
  readonly #parts: SweepParts;
  /** Each tells how many resources were deleted. */
  readonly sweeps: Recurring<number>;
  #after = '';

  constructor(parts: SweepParts) {
    this.#parts = parts;
    const once = () => this.#sweep();
    this.sweeps = new Recurring(parts, { name: 'the sweep of resources', everyMs: SWEEP_MS, once });
  }

  /** Deletes what the space has, until `until` (monotonic, ms). `false`: there is more. */
  async clear(space: string, until: number): Promise<boolean> {
    const { store, clock } = this.#parts;
    for (let after = ''; ; ) {
      const hashes = await store.list(space, 'resource', after, ROWS_PER_READ);
      for (const [hash, row] of await this.#rows(space, hashes)) {
        if (clock.monotonic() >= until) return false;
        await this.#remove(space, hash, row);
        after = hash;
      }
      if (hashes.length < ROWS_PER_READ) return true;
    }
  }

  async #sweep(): Promise<number> {
    const { store, metrics, log } = this.#parts;
    const spaces = await store.spaces(this.#after, SPACES_PER_SWEEP);
    this.#after = spaces.length < SPACES_PER_SWEEP ? '' : (spaces.at(-1) ?? '');
    let removed = 0;
    for (const space of spaces) {
      if (this.sweeps.isStopped) break;
      try {
        removed += await this.#sweepSpace(space);
      } catch (error) {
        log.warn({ space, error: String(error) }, 'the sweep of the resources of a space failed');
      }
    }
    if (removed > 0) metrics.count('swept_resources', removed);
    return removed;
  }

  async #sweepSpace(space: string): Promise<number> {
    const { store, settings, clock, log } = this.#parts;
    const { resourceKeepMs } = settings.known(space) ?? (await settings.load(space));
    const everyMs = Math.min(resourceKeepMs / SWEEPS_PER_KEEPING, MAX_EVERY_MS);
    const now = clock.now();
    if (!(await store.transact([usageRowKey(space)], decideSweep(space, now, everyMs)))) return 0;
    const rows = new Map<string, ResourceRow>();
    for (let after = ''; ; ) {
      const hashes = await store.list(space, 'resource', after, ROWS_PER_READ);
      for (const [hash, row] of await this.#rows(space, hashes)) rows.set(hash, row);
      after = hashes.at(-1) ?? '';
      if (hashes.length < ROWS_PER_READ) break;
    }
    const named = await this.#namedIn(space, rows);
    let removed = 0;
    for (const [hash, row] of rows) {
      if (this.sweeps.isStopped) break;
      const due = isDue(row, named.has(hash), now, resourceKeepMs);
      if (due && (await this.#remove(space, hash, row))) removed++;
      if (!due && row.state === 'here') await this.#note({ space, hash }, row, named.has(hash) ? undefined : now);
    }
    if (removed > 0) log.info({ space, removed }, 'resources that no item names are deleted');
    return removed;
  }

  /** Notes a change only: most resources are named all the time. */
  async #note(place: { space: string; hash: string }, row: ResourceRow, since: number | undefined): Promise<void> {
    const stands = since === undefined ? row.unusedSince === undefined : row.unusedSince !== undefined;
    if (stands) return;
    await this.#parts.store.transact([resourceRowKey(place.space, place.hash)], decideSeen(place, row, since));
  }

  async #rows(space: string, hashes: readonly string[]): Promise<[string, ResourceRow][]> {
    const records = await this.#parts.store.read(hashes.map((hash) => resourceRowKey(space, hash)));
    return hashes.flatMap((hash, i): [string, ResourceRow][] => {
      const record = records[i];
      return record === undefined ? [] : [[hash, decodeResourceRow(record)]];
    });
  }

  /** Which of them occur anywhere in what is stored of the items of the space, whatever their kinds: in their rows, values and operations. */
  async #namedIn(space: string, rows: ReadonlyMap<string, ResourceRow>): Promise<Set<string>> {
    const { store } = this.#parts;
    const named = new Set<string>();
    if (rows.size === 0) return named;
    for (const kind of NAMING) {
      for (let after = ''; !this.sweeps.isStopped; ) {
        const ids = await store.list(space, kind, after, ITEMS_PER_READ);
        for (const record of await store.read(ids.map((id) => ({ space, kind, id })))) {
          for (const hash of namedResources(record?.data ?? '')) if (rows.has(hash)) named.add(hash);
        }
        after = ids.at(-1) ?? '';
        if (ids.length < ITEMS_PER_READ) break;
      }
    }
    return named;
  }

  /** Only the generation that was there before the record said "going": whoever puts the same bytes meanwhile writes another. */
  async #remove(space: string, hash: string, row: ResourceRow): Promise<boolean> {
    const { store, blobs } = this.#parts;
    const place = { space, hash };
    const name = parseResourceHash(hash) === undefined ? uploadBlobName(space, hash) : resourceBlobName(space, hash);
    const info = await blobs.info(name);
    if (!(await store.transact([resourceRowKey(space, hash)], decideGoing(place, row)))) return false;
    try {
      if (info !== undefined) await blobs.delete(name, { ifGeneration: info.generation });
    } catch (error) {
      if (!isFailure(error, 'preconditionFailed')) throw error;
    }
    return store.transact([resourceRowKey(space, hash), usageRowKey(space)], decideGone(place));
  }
}

function isDue({ state, putAt, unusedSince }: ResourceRow, named: boolean, now: number, keepMs: number): boolean {
  switch (state) {
    case 'going':
      return true;
    case 'arriving':
      return now - putAt >= ARRIVING_MS;
    case 'here':
      return !named && unusedSince !== undefined && now - unusedSince >= keepMs;
  }
}
