import type { LockRelease, SpaceSettingsSource } from '../people-types.ts';

/** What tests give to the flows in the place of their own parts. */
export type EngineParts = { readonly settings?: SpaceSettingsSource; readonly locks?: LockRelease };
