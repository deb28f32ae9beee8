import type { Deps } from '../context.ts';
import type { LockRelease, SpaceSettings, SpaceSettingsSource } from '../people-types.ts';
import type { SpaceState } from '../space-state.ts';
import type { ClientRows } from './client-rows.ts';
import type { Rosters } from './rosters.ts';

export type PresenceParts = {
  readonly deps: Deps;
  readonly settings: SpaceSettingsSource;
  readonly locks: LockRelease;
  readonly rosters: Rosters;
  readonly rows: ClientRows;
  /** What this process remembers of a space. */
  readonly space: (id: string) => SpaceState;
};

export function settingsOf({ settings }: PresenceParts, space: SpaceState): SpaceSettings | Promise<SpaceSettings> {
  return settings.known(space.id) ?? settings.load(space.id);
}
