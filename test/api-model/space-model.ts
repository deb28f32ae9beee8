import { type Need, type People, rightsOf, type Who } from './people.ts';

/** What the server remembers of a client's last request on an item. */
export type Memory = {
  readonly seq: number;
  readonly place: number;
  readonly body: string;
  /** The answer that a repeat gets: a version that was made, or the word of a refusal. */
  readonly answer:
    | { readonly version: number; readonly fence?: number }
    | { readonly refused: string; readonly version?: number };
};

export type Held = {
  readonly who: Who;
  readonly client: string;
  readonly sinceMs: number;
  /** When the lease ends, by the clock of the servers. */
  readonly untilMs: number;
};

export type Item = {
  /** The item is at this version, or, where that is not `exact`, at a higher one. */
  version: number;
  exact: boolean;
  dead: boolean;
  value: unknown;
  lock: Held | undefined;
  /** Version of the last change of hands, and the one before. */
  fence: number;
  oldFence: number;
  memory: Map<string, Memory>;
};

export type Client = {
  readonly who: Who;
  generation: number;
  seq: number;
  here: boolean;
  /** What others may be told that it says: the newest last. */
  said: unknown[];
  heardMs: number;
};

export type Rule = 'required' | 'optional' | 'none';
export type Settings = {
  readonly members: { readonly [who in Who]?: string };
  readonly rule?: Rule;
  readonly maxLocks?: number;
  readonly maxHoldMs?: number;
  readonly steal?: 'admin' | 'anyone';
};

/** A lease in the cache lives up to a second longer than it says, and requests take a while. */
const LEASE_SLACK_MS = 1_100;
const SHORT_MS = 100;
/** That a space is not there counts for so long, and requests take a while. */
const ABSENT_MS = 1_100;
export const DEFAULT_TTL_MS = 30_000;
const DEFAULT_HOLD_MS = 600_000;

/** What a space must look like to whoever asks: a few maps, and no protocol. */
export class SpaceModel {
  readonly people: People;
  readonly items = new Map<string, Item>();
  /** By client id: it belongs for good to who joined with it first. */
  readonly clients = new Map<string, Client>();
  settings: Settings = { members: {} };
  settingsVersion = 0;
  /** Its settings are there; a deleted space comes back with its next item. */
  living = true;
  /** That an item brought it back may be heard late by those who asked for it before, until then. */
  heardMs = 0;
  epoch: string | undefined;
  /** Rises with whatever a parked poll has to be told. */
  news = 0;

  constructor(people: People) {
    this.people = people;
  }

  clone(): SpaceModel {
    const copy = new SpaceModel(this.people);
    for (const [id, item] of this.items) copy.items.set(id, { ...item, memory: new Map(item.memory) });
    for (const [id, client] of this.clients) copy.clients.set(id, { ...client, said: [...client.said] });
    const { settings, settingsVersion, living, heardMs, epoch, news } = this;
    return Object.assign(copy, { settings, settingsVersion, living, heardMs, epoch, news });
  }

  /** Takes over what a clone has become. */
  become({ items, clients, settings, settingsVersion, living, heardMs, epoch, news }: SpaceModel): void {
    this.items.clear();
    for (const [id, item] of items) this.items.set(id, item);
    this.clients.clear();
    for (const [id, client] of clients) this.clients.set(id, client);
    Object.assign(this, { settings, settingsVersion, living, heardMs, epoch, news });
  }

  item(id: string): Item {
    let item = this.items.get(id);
    if (!item) {
      const nobody = { version: 0, exact: true, dead: true, value: undefined, lock: undefined };
      item = { ...nobody, fence: 0, oldFence: 0, memory: new Map() };
      this.items.set(id, item);
    }
    return item;
  }

  may(who: Who, need: Need): boolean {
    const rights = rightsOf(this.people[who].brings, this.settings.members[who] ?? '');
    const changes = need === 'write' || need === 'lock';
    return rights.includes(need) && (!changes || this.living || rights.includes('admin'));
  }

  /** An item came to life. */
  comesToLife(now: number): void {
    if (!this.living) this.heardMs = now + ABSENT_MS;
    this.living = true;
  }

  /** Status and code of a call that lacks a right. */
  denied(who: Who, need: Need): { readonly status: number; readonly code: string } | undefined {
    if (this.may(who, need)) return undefined;
    return this.may(who, 'read') ? { status: 403, code: 'forbidden' } : { status: 404, code: 'notFound' };
  }

  isHere(who: Who, client: string): boolean {
    const known = this.clients.get(client);
    return known?.here === true && known.who === who;
  }

  heldBy(who: Who, client: string): Item[] {
    return [...this.items.values()].filter(({ lock }) => lock?.who === who && lock.client === client);
  }

  get maxLocks(): number {
    return this.settings.maxLocks ?? 4;
  }

  get maxHoldMs(): number {
    return this.settings.maxHoldMs ?? DEFAULT_HOLD_MS;
  }

  get rule(): Rule {
    return this.settings.rule ?? 'optional';
  }

  /** Until when nothing may be asked that depends on a moment which nobody can tell exactly; 0: ask. */
  unsureUntil(now: number): number {
    let until = this.heardMs > now ? this.heardMs : 0;
    for (const { lock } of this.items.values()) {
      if (!lock) continue;
      const holdEnds = lock.sinceMs + this.maxHoldMs - 1_000;
      if (now > lock.untilMs - SHORT_MS && now < lock.untilMs + LEASE_SLACK_MS)
        until = Math.max(until, lock.untilMs + LEASE_SLACK_MS);
      if (Math.abs(now - holdEnds) < SHORT_MS) until = Math.max(until, holdEnds + SHORT_MS);
    }
    return until;
  }

  isAlive({ lock }: Item, now: number): boolean {
    return lock !== undefined && now < lock.untilMs + LEASE_SLACK_MS / 2;
  }

  /** How long a lease this client gets on the item; `undefined`: it has held it long enough. */
  termOf(item: Item, who: Who, client: string, now: number, wishedMs = DEFAULT_TTL_MS) {
    const own = item.lock?.who === who && item.lock.client === client;
    const sinceMs = own && item.lock ? Math.min(item.lock.sinceMs, now) : now;
    const ttlMs = Math.min(wishedMs, DEFAULT_TTL_MS, sinceMs + this.maxHoldMs - now);
    return ttlMs < 1_000 ? undefined : { sinceMs, ttlMs };
  }

  /** The item has a new version. */
  made(item: Item, version: number): void {
    item.version = version;
    item.exact = true;
    this.news++;
  }

  /** Some new version that no answer has told. */
  moved(item: Item): void {
    item.version++;
    item.exact = false;
    this.news++;
  }

  /** A version that was read. A complaint where it cannot be. */
  sawVersion(id: string, version: number): string | undefined {
    const item = this.item(id);
    if (item.exact ? version !== item.version : version < item.version)
      return `${id} is at version ${version}, not ${item.exact ? '' : 'at least '}${item.version}`;
    item.version = version;
    item.exact = true;
    return undefined;
  }

  /** The lock ends or changes hands with a version that no answer has told. */
  letGo(item: Item): void {
    item.lock = undefined;
    this.moved(item);
  }
}
