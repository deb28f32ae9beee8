import type { Json } from '../../base/json.ts';
import { spaceRowKey } from '../../model/keys.ts';
import { decodeSpaceRow, encodeSpaceRow, type SpaceRow } from '../../model/row.ts';
import type { Decision, StoreRecord } from '../../ports/store.ts';
import type { WantedSettings } from '../../protocol/space-settings.ts';
import { type FullSettings, settingsOf } from './settings.ts';

/*
 * What becomes of the record of a space, decided inside transactions of the store: pure, safe to run again.
 */

type Records = readonly (StoreRecord | undefined)[];

/** The record where the space is there: not yet made and deleted are the same. */
export function livingRow(record: StoreRecord | undefined): SpaceRow | undefined {
  if (record === undefined) return undefined;
  const row = decodeSpaceRow(record);
  return row.ending === 'deleted' ? undefined : row;
}

export type SettingsWritten =
  | { readonly outcome: 'written'; readonly created: boolean; readonly settings: FullSettings }
  /** The caller's condition does not hold; `version`: of the settings that stand, where there is such a space. */
  | { readonly outcome: 'refused'; readonly version: number | undefined };

/** Puts these settings in the place of those that stand, if `agrees` with their version. */
export function decideSettings(
  space: string,
  wanted: WantedSettings,
  agrees: (version: number | undefined) => boolean,
  now: number,
): (records: Records) => Decision<SettingsWritten> {
  return ([record]) => {
    const living = livingRow(record);
    const version = living && (living.settingsVersion ?? 0);
    if (!agrees(version)) return { changes: [], result: { outcome: 'refused', version } };
    const { ending: _ending, ...before } = decodeSpaceRow(record);
    const row: SpaceRow = {
      ...before,
      createdAt: living?.createdAt || now,
      settings: wanted as Json,
      settingsVersion: (before.settingsVersion ?? 0) + 1,
      usedAt: now,
    };
    return {
      changes: [{ key: spaceRowKey(space), record: encodeSpaceRow(row) }],
      result: { outcome: 'written', created: living === undefined, settings: settingsOf(row) },
    };
  };
}

/** One call that deletes: its number, up to which id nothing lives, and the settings that it found. */
export type Ending = { readonly number: number; readonly to: string; readonly settingsVersion: number };

/** Whoever writes a new item from here on keeps the space alive. Where an earlier call stopped and nobody has, it goes on. `undefined`: there is no such space, or it is not to be deleted. */
export function decideEnding(
  space: string,
  agrees: (row: SpaceRow) => boolean,
): (records: Records) => Decision<Ending | undefined> {
  return ([record]) => {
    const row = livingRow(record);
    if (row === undefined || !agrees(row)) return { changes: [], result: undefined };
    const number = (row.endings ?? 0) + 1;
    const to = row.ending === 'deleting' ? (row.endingTo ?? '') : '';
    const changes = [
      {
        key: spaceRowKey(space),
        record: encodeSpaceRow({ ...row, ending: 'deleting', endings: number, endingTo: to }),
      },
    ];
    return { changes, result: { number, to, settingsVersion: row.settingsVersion ?? 0 } };
  };
}

/** Notes how far this deletion has come, for the next call. */
export function decideProgress(space: string, { number, to }: Ending): (records: Records) => Decision<void> {
  return ([record]) => {
    const row = livingRow(record);
    if (row?.ending !== 'deleting' || row.endings !== number) return { changes: [], result: undefined };
    const changes = [{ key: spaceRowKey(space), record: encodeSpaceRow({ ...row, endingTo: to }) }];
    return { changes, result: undefined };
  };
}

/** All items are gone: so are the settings, unless they were put meanwhile. Their version goes on, so that a tag never means two of them. */
export function decideEnded(space: string, { number, settingsVersion }: Ending): (records: Records) => Decision<void> {
  return ([record]) => {
    const row = livingRow(record);
    if (row === undefined) return { changes: [], result: undefined };
    const { usedAt: _usedAt, endingTo: _to, ending, ...rest } = row;
    if (ending === undefined && (rest.settingsVersion ?? 0) !== settingsVersion)
      return { changes: [], result: undefined };
    const after: SpaceRow = {
      ...rest,
      settings: {},
      settingsVersion: (row.settingsVersion ?? 0) + 1,
      ...(ending && { ending: row.endings === number ? ('deleted' as const) : ending }),
    };
    return { changes: [{ key: spaceRowKey(space), record: encodeSpaceRow(after) }], result: undefined };
  };
}

/** Notes that the space is in use, where its settings ask for it and the last note is older than `everyMs`. */
export function decideUsed(space: string, now: number, everyMs: number): (records: Records) => Decision<void> {
  return ([record]) => {
    const row = livingRow(record);
    const asked = row !== undefined && settingsOf(row).idleKeepMs !== undefined;
    if (!asked || now - (row.usedAt ?? 0) < everyMs) return { changes: [], result: undefined };
    const changes = [{ key: spaceRowKey(space), record: encodeSpaceRow({ ...row, usedAt: now }) }];
    return { changes, result: undefined };
  };
}

/** Has nobody used the space for as long as its settings keep it? */
export function isIdle(row: SpaceRow, now: number): boolean {
  const { idleKeepMs } = settingsOf(row);
  return idleKeepMs !== undefined && now - Math.max(row.usedAt ?? 0, row.createdAt) >= idleKeepMs;
}
