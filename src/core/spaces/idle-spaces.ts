import { LRUCache } from 'lru-cache';
import { spaceRowKey } from '../../model/keys.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import type { Engine } from '../engine-types.ts';
import type { SpaceSettingsSource } from '../people-types.ts';
import { deleteSpace } from './delete-space.ts';
import { type SpaceDeps, settingsSource } from './settings.ts';
import { decideUsed, isIdle, livingRow } from './space-changes.ts';

/** How exactly the last use of a space is known. The shortest time that a space may be kept is a day. */
const NOTED_MS = 3_600_000;
/** Spaces of one look; the next one goes on. */
const PAGE = 100;
const CALLER = { subject: 'longshore' };

/** Spaces whose settings say that they go when nobody uses them. */
export class IdleSpaces {
  readonly #deps: SpaceDeps;
  readonly #engine: Pick<Engine, 'postUpdate'>;
  /** When (monotonic, ms) the use of a space was last noted from here. */
  readonly #noted = new LRUCache<string, number>({ max: 10_000 });
  #after = '';

  constructor(deps: SpaceDeps, engine: Pick<Engine, 'postUpdate'>) {
    this.#deps = deps;
    this.#engine = engine;
  }

  /** These are in use here: one look for each in an hour, and a write where the settings ask for it. */
  async note(spaces: Iterable<string>): Promise<void> {
    const { store, clock } = this.#deps;
    const source = settingsSource(this.#deps);
    for (const space of spaces) {
      const now = clock.monotonic();
      if (now - (this.#noted.get(space) ?? Number.NEGATIVE_INFINITY) < NOTED_MS) continue;
      const settings = source.known(space) ?? (await source.load(space));
      const asked = 'idleKeepMs' in settings && settings.idleKeepMs !== undefined;
      if (asked) await store.transact([spaceRowKey(space)], decideUsed(space, clock.now(), NOTED_MS / 2));
      this.#noted.set(space, now);
    }
  }

  /** Deletes what nobody has used for too long, a page of spaces at a time. */
  async end(inUse: ReadonlySet<string>): Promise<void> {
    const { store, clock, log } = this.#deps;
    const ids = await store.spaces(this.#after, PAGE);
    this.#after = ids.length < PAGE ? '' : (ids.at(-1) ?? '');
    const records = await store.read(ids.map(spaceRowKey));
    for (const [i, id] of ids.entries()) {
      const row = livingRow(records[i]);
      if (row === undefined || inUse.has(id) || !isIdle(row, clock.now())) continue;
      const { contents } = this.#deps;
      const source = settingsSource(this.#deps);
      const changing: SpaceSettingsSource['changing'] = (space, write) => source.changing?.(space, write) ?? write();
      const parts = { store, clock, engine: this.#engine, changing, ...(contents && { contents }) };
      const { outcome, deleted } = await deleteSpace(parts, id as SpaceId, CALLER, (latest) =>
        isIdle(latest, clock.now()),
      );
      log.info({ space: id, outcome, deleted }, 'a space that nobody used is deleted');
    }
  }
}
