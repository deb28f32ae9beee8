import type { Kinds } from '../../kinds/kind.ts';
import { itemRowKey, spaceRowKey } from '../../model/keys.ts';
import { decodeRow } from '../../model/row.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import { MAX_UPDATES_PER_REQUEST } from '../../protocol/limits.ts';
import type { SpaceList, WantedSettings } from '../../protocol/space-settings.ts';
import type { Caller, Engine } from '../engine-types.ts';
import { troubleOf, troubleProblem } from '../trouble.ts';
import { type FullSettings, settingsOf } from './settings.ts';
import { decideEnded, decideEnding, decideSettings, livingRow, type SettingsWritten } from './space-changes.ts';

/** Of one call that deletes a space; the next one goes on. */
const DELETE_MS = 5_000;
const ROWS_PER_READ = 100;
/** Names that one listing looks at before it hands out where to go on. */
const MAX_LISTED = 1_000;

export type Deletion = {
  readonly outcome: 'done' | 'more' | 'absent';
  /** Items deleted by this call. */
  readonly deleted: number;
};

/** Spaces as their admins see them. Throws `ProblemError` where the store or the cache does not answer. */
export interface SpaceAdmin {
  /** `undefined`: there is no such space. */
  read(space: SpaceId): Promise<FullSettings | undefined>;
  /** `agrees` is asked with the version that stands, `undefined` where the space is not there; pure. */
  write(space: SpaceId, wanted: WantedSettings, agrees: (version?: number) => boolean): Promise<SettingsWritten>;
  /** Every item becomes a tombstone, then the settings go. Bounded in time: calls go on where the last one ended. */
  delete(space: SpaceId, caller: Caller): Promise<Deletion>;
  /** Ascending from after `after`; an answer may hold fewer than `limit`, even none, and yet say where to go on. */
  list(after: string, limit: number, shows: (space: string) => boolean): Promise<SpaceList>;
}

export type SpaceAdminParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly kinds: Kinds;
  readonly engine: Pick<Engine, 'postUpdate'>;
  /** N of the server. */
  readonly persistMs: number;
  /** What this process remembers of the settings is not true any more. */
  readonly changed: (space: SpaceId) => void;
};

export function createSpaceAdmin(parts: SpaceAdminParts): SpaceAdmin {
  return {
    read: (space) => tellingTrouble(readSettings(parts, space)),
    write: (space, wanted, agrees) => tellingTrouble(writeSettings(parts, space, wanted, agrees)),
    delete: (space, caller) => tellingTrouble(deleteSpace(parts, space, caller)),
    list: (after, limit, shows) => tellingTrouble(listSpaces(parts, after, limit, shows)),
  };
}

async function tellingTrouble<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const trouble = troubleOf(error);
    throw trouble ? troubleProblem(trouble, error) : error;
  }
}

async function readSettings({ store }: SpaceAdminParts, space: SpaceId): Promise<FullSettings | undefined> {
  const [record] = await store.read([spaceRowKey(space)]);
  const row = livingRow(record);
  return row && settingsOf(row);
}

async function writeSettings(
  parts: SpaceAdminParts,
  space: SpaceId,
  wanted: WantedSettings,
  agrees: (version?: number) => boolean,
): Promise<SettingsWritten> {
  checkWanted(parts, wanted);
  const decide = decideSettings(space, wanted, agrees, parts.clock.now());
  try {
    return await parts.store.transact([spaceRowKey(space)], decide);
  } finally {
    parts.changed(space); // also after a failure: it may have been written all the same
  }
}

/** What the form cannot tell: it depends on this server. */
function checkWanted({ kinds, persistMs }: SpaceAdminParts, wanted: WantedSettings): void {
  const named = [...(wanted.kinds ?? []), ...Object.keys(wanted.lockRules ?? {})];
  const unknown = named.find((kind) => !kinds.has(kind));
  if (unknown !== undefined) {
    throw new ProblemError('badRequest', `there is no kind ${unknown}; there are ${[...kinds.keys()].join(', ')}`);
  }
  if (wanted.persistMs !== undefined && wanted.persistMs > persistMs) {
    const why = 'other servers would take its items for abandoned';
    throw new ProblemError('badRequest', `persistMs: at most ${persistMs}, which is the server's own; ${why}`);
  }
  const { lockTtlMs, maxHoldMs } = settingsOf({ settings: wanted as never });
  if (lockTtlMs > maxHoldMs) {
    throw new ProblemError('badRequest', `lockTtlMs: ${lockTtlMs} is more than maxHoldMs, ${maxHoldMs}`);
  }
}

async function deleteSpace(parts: SpaceAdminParts, space: SpaceId, caller: Caller): Promise<Deletion> {
  const { store, clock } = parts;
  const until = clock.monotonic() + DELETE_MS;
  if (!(await store.transact([spaceRowKey(space)], decideEnding(space)))) return { outcome: 'absent', deleted: 0 };
  let deleted = 0;
  let after = '';
  let complete = true;
  while (true) {
    const ids = await store.list(space, 'item', after, ROWS_PER_READ);
    const last = ids.at(-1);
    if (last === undefined) break;
    after = last;
    if (clock.monotonic() >= until) return { outcome: 'more', deleted };
    const living = await livingAmong(store, space, ids);
    const gone = await deleteItems(parts.engine, space, living, caller);
    deleted += gone;
    complete &&= gone === living.length;
  }
  if (!complete) return { outcome: 'more', deleted };
  await store.transact([spaceRowKey(space)], decideEnded(space));
  parts.changed(space);
  return { outcome: 'done', deleted };
}

async function livingAmong(store: Store, space: SpaceId, ids: readonly string[]): Promise<string[]> {
  const records = await store.read(ids.map((id) => itemRowKey(space, id)));
  return ids.filter((_id, i) => {
    const record = records[i];
    if (record === undefined) return false;
    const { dead, open } = decodeRow(record);
    return open || !dead; // an open one may have come to life in the cache
  });
}

/** Returns how many of them are tombstones now; what is not can be tried again. */
async function deleteItems(
  engine: Pick<Engine, 'postUpdate'>,
  space: SpaceId,
  items: readonly string[],
  caller: Caller,
): Promise<number> {
  let gone = 0;
  for (let start = 0; start < items.length; start += MAX_UPDATES_PER_REQUEST) {
    const updates = items.slice(start, start + MAX_UPDATES_PER_REQUEST).map((item) => ({ item, op: { delete: true } }));
    const { results } = await engine.postUpdate(space, { updates }, caller);
    gone += results.filter(({ result }) => result === 'ok').length;
  }
  return gone;
}

async function listSpaces(
  { store }: SpaceAdminParts,
  from: string,
  limit: number,
  shows: (space: string) => boolean,
): Promise<SpaceList> {
  const spaces: { id: string; createdAt: string }[] = [];
  let after = from;
  for (let seen = 0; seen < MAX_LISTED; ) {
    const ids = await store.spaces(after, ROWS_PER_READ);
    seen += ids.length;
    const records = await store.read(ids.map(spaceRowKey));
    for (const [i, id] of ids.entries()) {
      after = id;
      const row = livingRow(records[i]);
      if (row === undefined || !shows(id)) continue;
      spaces.push({ id, createdAt: new Date(row.createdAt).toISOString() });
      if (spaces.length >= limit) return { spaces, after };
    }
    if (ids.length < ROWS_PER_READ) return { spaces };
  }
  return { spaces, after };
}
