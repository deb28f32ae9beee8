import type { SpaceState } from './space-state.ts';

/** Identity of a client within a space: the subject that joined, and the id. */
export type ClientName = { readonly subject: string; readonly client: string };

/** What the locks need to know of clients. Made by presence. */
export interface ClientRecords {
  /** Writes into the client's record that it holds the item under this grant, unless it holds `max` others. Atomic, also between instances. */
  hold(
    space: SpaceState,
    name: ClientName,
    item: string,
    grant: string,
    max: number,
  ): Promise<'held' | 'tooMany' | 'notJoined'>;
  /** The entries of its record: grants by item. */
  heldBy(space: SpaceState, name: ClientName): Promise<Readonly<Record<string, string>>>;
  /** Takes the entry out again; only if it still names this grant. */
  drop(space: SpaceState, name: ClientName, item: string, grant: string): Promise<void>;
}

/** What presence needs of the locks: a client left or lapsed. Each item it held is released (a release: stored). Idempotent. */
export interface LockRelease {
  release(space: SpaceState, name: ClientName, held: Readonly<Record<string, string>>): Promise<void>;
}

/** What holds in a space. Read on the hot path: never awaits once known. */
export interface SpaceSettingsSource {
  /** The settings as last known here, at most 10 s old; `undefined` while they are not known: then await `load`. */
  known(space: string): SpaceSettings | undefined;
  load(space: string): Promise<SpaceSettings>;
}

export type LockRule = 'required' | 'optional' | 'none';
export type SpaceSettings = {
  readonly version: number;
  /** Kinds that may be created here; absent: all. */
  readonly kinds?: readonly string[];
  /** Most locks of one client at once. */
  readonly maxLocks: number;
  readonly lockTtlMs: number;
  /** Longest that one client may hold an item without giving it up. */
  readonly maxHoldMs: number;
  /** By kind; `optional` where not named. */
  readonly lockRules: Readonly<Record<string, LockRule>>;
  /** Who may take an item from its holder: nobody but admins, or everybody with permission to lock. */
  readonly steal: 'admin' | 'anyone';
  /** N of this space, ms; absent: the server's. */
  readonly persistMs?: number;
  readonly leaseMs: number;
  /** subject → letters of r w l a. */
  readonly members: Readonly<Record<string, string>>;
  readonly tombstoneMs?: number;
  readonly clientKeepMs: number;
  readonly resourceKeepMs: number;
  /** Absent: the server's. */
  readonly quotaBytes?: number;
};
export const DEFAULT_SETTINGS: SpaceSettings = {
  version: 0,
  maxLocks: 4,
  lockTtlMs: 30_000,
  maxHoldMs: 600_000,
  lockRules: {},
  steal: 'admin',
  leaseMs: 30_000,
  members: {},
  clientKeepMs: 86_400_000,
  resourceKeepMs: 7 * 86_400_000,
};
