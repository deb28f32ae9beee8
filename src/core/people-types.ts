import type { SpaceState } from './space-state.ts';

/** Identity of a client within a space: the subject that joined, and the id. */
export type ClientName = { readonly subject: string; readonly client: string };

/** What the locks need to know of clients. Made by presence. */
export interface ClientRecords {
  /**
   * Writes into the client's record that it holds the item under this grant, unless it holds `max` others. Atomic, also between instances. Grants that
   * were there stay: of two requests of one client only one gets the item, and nobody knows yet which.
   */
  hold(
    space: SpaceState,
    name: ClientName,
    item: string,
    grant: string,
    max: number,
  ): Promise<'held' | 'tooMany' | 'notJoined'>;
  /** The entries of its record: by item its grant, or several between spaces. */
  heldBy(space: SpaceState, name: ClientName): Promise<HeldItems>;
  /** Changes the entries as they are known to all instances; returns whether there was anything to change. Atomic. What is in the store stays. */
  revise(space: SpaceState, name: ClientName, decide: (held: HeldItems) => HeldItems | undefined): Promise<boolean>;
  /** Takes this grant out again; without one, the whole entry. */
  drop(space: SpaceState, name: ClientName, item: string, grant: string | undefined): Promise<void>;
}

/** What a client holds, by item: one grant, or several between spaces while requests of the same client compete. */
export type HeldItems = Readonly<Record<string, string>>;
const MAX_GRANTS_KEPT = 4;
/** Between a grant and the mark of who suspects that a crash has left it. */
const SUSPECTED = '?';

/** With the marks of those that are suspected. */
function tokensIn(held: HeldItems, item: string): readonly string[] {
  return Object.hasOwn(held, item) ? (held[item] ?? '').split(' ') : [];
}

function grantOf(token: string): string {
  return token.split(SUSPECTED)[0] ?? '';
}

export function grantsIn(entry: string): readonly string[] {
  return entry.split(' ').map(grantOf);
}

export function hasGrant(held: HeldItems, item: string, grant: string): boolean {
  return tokensIn(held, item).some((token) => grantOf(token) === grant);
}

/** A suspected grant counts as before. `by`: nobody else's; the last one who suspects it is the one. `undefined` where it is not there. */
export function suspecting(held: HeldItems, item: string, grant: string, by: string): HeldItems | undefined {
  return replacing(held, item, (token) => (grantOf(token) === grant ? `${grant}${SUSPECTED}${by}` : token));
}

/** `undefined` where it is not suspected, or not there any more. */
export function acquitting(held: HeldItems, item: string, grant: string): HeldItems | undefined {
  return replacing(held, item, (token) => (grantOf(token) === grant ? grant : token));
}

/** `undefined` where it was acquitted since, is suspected by somebody else, or is not there any more. */
export function withoutSuspect(held: HeldItems, item: string, grant: string, by: string): HeldItems | undefined {
  return tokensIn(held, item).includes(`${grant}${SUSPECTED}${by}`) ? withoutGrant(held, item, grant) : undefined;
}

function replacing(held: HeldItems, item: string, change: (token: string) => string): HeldItems | undefined {
  const before = tokensIn(held, item);
  const after = before.map(change);
  return after.some((token, i) => token !== before[i]) ? { ...held, [item]: after.join(' ') } : undefined;
}

export function withGrant(held: HeldItems, item: string, grant: string): HeldItems {
  const others = tokensIn(held, item).filter((token) => grantOf(token) !== grant);
  return { ...held, [item]: [...others, grant].slice(-MAX_GRANTS_KEPT).join(' ') };
}

/** `undefined` where nothing of it is there. */
export function withoutGrant(held: HeldItems, item: string, grant: string | undefined): HeldItems | undefined {
  if (!Object.hasOwn(held, item)) return undefined;
  const before = tokensIn(held, item);
  const left = grant === undefined ? [] : before.filter((token) => grantOf(token) !== grant);
  if (left.length === before.length) return undefined;
  const { [item]: _dropped, ...rest } = held;
  return left.length === 0 ? rest : { ...rest, [item]: left.join(' ') };
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
  /** Around a write to the store that changes settings, for the other instances to know. Absent: nothing has to be done. */
  changing?<T>(space: string, write: () => Promise<T>): Promise<T>;
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
  /** Whoever is refused again and again at one place of a text has it to itself for a moment. */
  readonly textReservations: boolean;
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
  textReservations: false,
  leaseMs: 30_000,
  members: {},
  clientKeepMs: 86_400_000,
  resourceKeepMs: 7 * 86_400_000,
};
