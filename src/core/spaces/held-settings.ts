import { LRUCache } from 'lru-cache';
import { spaceRowKey } from '../../model/keys.ts';
import { decodeSpaceRow, type SpaceRow } from '../../model/row.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Store } from '../../ports/store.ts';
import { DEFAULT_SETTINGS, type SpaceSettings, type SpaceSettingsSource } from '../people-types.ts';
import { settingsOf } from './settings.ts';
import type { SharedSettings } from './shared-settings.ts';

const HELD_MS = 10_000;
/** From this age on they are read again before anybody has to wait for it. */
const AHEAD_MS = 8_000;
/** A store that did not answer is not asked again for so long. */
const AWAY_MS = 1_000;
/** A store that has not answered by then counts as one that does not answer, ms: updates wait for this. */
const HANGS_MS = 1_000;
const MAX_HELD_SPACES = 10_000;

type Held = { readonly settings: SpaceSettings; readonly readAt: number };
type Parts = {
  readonly store: Pick<Store, 'read'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where several instances share a cache. */
  readonly shared?: SharedSettings | undefined;
};

/** Settings as they were at most 10 s ago, or, while the store does not answer, when it last did. One reading at a time for each space. */
export class HeldSettings implements SpaceSettingsSource {
  readonly #parts: Parts;
  readonly #held = new LRUCache<string, Held>({ max: MAX_HELD_SPACES });
  readonly #pending = new Map<string, Promise<SpaceSettings>>();
  /** Until when (monotonic, ms) the store is not asked. */
  #awayUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  known(space: string): SpaceSettings | undefined {
    const held = this.#held.get(space);
    if (held === undefined) return undefined;
    const now = this.#parts.clock.monotonic();
    const age = now - held.readAt;
    if (age >= AHEAD_MS && now >= this.#awayUntil) void this.load(space);
    return age < HELD_MS || now < this.#awayUntil ? held.settings : undefined;
  }

  /** Never rejects. */
  load(space: string): Promise<SpaceSettings> {
    let pending = this.#pending.get(space);
    if (pending === undefined) {
      const reading: Promise<SpaceSettings> = this.#read(space, () => this.#pending.get(space) === reading).finally(
        () => {
          if (this.#pending.get(space) === reading) this.#pending.delete(space);
        },
      );
      pending = reading;
      this.#pending.set(space, reading);
    }
    return pending;
  }

  changing<T>(space: string, write: () => Promise<T>): Promise<T> {
    const { shared } = this.#parts;
    return shared ? shared.changing(space, write) : write();
  }

  /** They were changed here: what is being read may be from before. */
  forget(space: string): void {
    this.#held.delete(space);
    this.#pending.delete(space);
  }

  async #ask(space: string): Promise<Pick<SpaceRow, 'settings' | 'settingsVersion'>> {
    const { store, shared } = this.#parts;
    if (shared) return shared.read(space);
    const [record] = await store.read([spaceRowKey(space)]);
    return decodeSpaceRow(record);
  }

  async #read(space: string, counts: () => boolean): Promise<SpaceSettings> {
    const { clock, log } = this.#parts;
    const last = this.#held.get(space)?.settings ?? DEFAULT_SETTINGS;
    if (clock.monotonic() < this.#awayUntil) return last;
    const readAt = clock.monotonic();
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(HANGS_MS, () => late.reject(new Error(`no answer within ${HANGS_MS} ms`)));
    try {
      const settings = settingsOf(await Promise.race([this.#ask(space), late.promise]));
      if (counts()) this.#held.set(space, { settings, readAt });
      return settings;
    } catch (error) {
      this.#awayUntil = clock.monotonic() + AWAY_MS;
      log.warn({ space, error: String(error) }, 'the settings of a space could not be read; the last known ones hold');
      return last;
    } finally {
      cancel();
    }
  }
}
