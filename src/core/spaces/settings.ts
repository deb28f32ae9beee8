import { isObject } from '../../base/json.ts';
import type { SpaceRow } from '../../model/row.ts';
import type { WantedSettings } from '../../protocol/space-settings.ts';
import type { Deps } from '../context.ts';
import type { ArchiveConfig } from '../history/archive-files.ts';
import { DEFAULT_SETTINGS, type SpaceSettings, type SpaceSettingsSource } from '../people-types.ts';
import type { Painting } from '../pictures/pictures.ts';

/** All that holds in a space. */
export type FullSettings = SpaceSettings & Pick<WantedSettings, 'idleKeepMs'>;

/** What a space holds besides its items. */
export interface SpaceContents {
  /** Deletes all of it, until `until` (monotonic, ms). `false`: there is more. */
  clear(space: string, until: number): Promise<boolean>;
}

/** What the flows are given, with what holds in the spaces; absent: the defaults everywhere. */
export type SpaceDeps = Deps & {
  readonly settings?: SpaceSettingsSource;
  readonly contents?: SpaceContents;
  readonly painting?: Painting;
  readonly archive?: ArchiveConfig;
};

/** Where nobody can set anything. */
export const FIXED_SETTINGS: SpaceSettingsSource = {
  known: () => DEFAULT_SETTINGS,
  load: async () => DEFAULT_SETTINGS,
};

export function settingsSource({ settings }: SpaceDeps): SpaceSettingsSource {
  return settings ?? FIXED_SETTINGS;
}

/** The row keeps what was wanted; defaults come on top of it only now, so that a better default reaches every space. */
export function settingsOf(row: Pick<SpaceRow, 'settings' | 'settingsVersion'>): FullSettings {
  const wanted = isObject(row.settings) ? (row.settings as WantedSettings) : {};
  return { ...DEFAULT_SETTINGS, ...definedOnly(wanted), version: row.settingsVersion ?? 0 };
}

function definedOnly(wanted: WantedSettings): Partial<FullSettings> {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

/** N of a space is at most the server's: other instances take a row for abandoned after three times their own. */
export function persistMsOf(
  { persistMs }: { readonly persistMs: number },
  settings: SpaceSettings | undefined,
): number {
  return Math.min(persistMs, settings?.persistMs ?? persistMs);
}
