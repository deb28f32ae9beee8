import type { Kinds } from '../../kinds/kind.ts';
import { spaceRowKey } from '../../model/keys.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import type { SpaceList, WantedSettings } from '../../protocol/space-settings.ts';
import type { Caller, Engine } from '../engine-types.ts';
import type { SpaceSettingsSource } from '../people-types.ts';
import { troubleOf, troubleProblem } from '../trouble.ts';
import { type Deletion, deleteSpace } from './delete-space.ts';
import { type FullSettings, type SpaceContents, settingsOf } from './settings.ts';
import { decideSettings, livingRow, type SettingsWritten } from './space-changes.ts';

/** Names read together. */
const ROWS_PER_READ = 100;
/** Names that one listing looks at before it hands out where to go on. */
const MAX_LISTED = 1_000;

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
  readonly contents?: SpaceContents;
  /** N of the server. */
  readonly persistMs: number;
  /** What this process remembers of the settings is not true any more. */
  readonly changed: (space: SpaceId) => void;
  readonly changing?: SpaceSettingsSource['changing'];
};

export function createSpaceAdmin(parts: SpaceAdminParts): SpaceAdmin {
  return {
    read: (space) => tellingTrouble(readSettings(parts, space)),
    write: (space, wanted, agrees) => tellingTrouble(writeSettings(parts, space, wanted, agrees)),
    delete: (space, caller) => tellingTrouble(endSpace(parts, space, caller)),
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
    const write = () => parts.store.transact([spaceRowKey(space)], decide);
    return await (parts.changing?.(space, write) ?? write());
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

async function endSpace(parts: SpaceAdminParts, space: SpaceId, caller: Caller): Promise<Deletion> {
  try {
    return await deleteSpace(parts, space, caller);
  } finally {
    parts.changed(space);
  }
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
