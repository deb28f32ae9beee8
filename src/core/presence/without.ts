import { DEFAULT_SETTINGS, type LockRelease, type SpaceSettingsSource } from '../people-types.ts';

/** What may be given to the flows besides; each has a default that goes well without. */
export type EngineParts = { readonly settings?: SpaceSettingsSource; readonly locks?: LockRelease };

/** Where spaces have no settings of their own, and nothing is locked. */
export const WITHOUT: { readonly settings: SpaceSettingsSource; readonly locks: LockRelease } = {
  settings: { known: () => DEFAULT_SETTINGS, load: async () => DEFAULT_SETTINGS },
  locks: { release: async () => undefined },
};
