import { clientIn, type RosterShard, rosterShardOf } from '../../model/roster-record.ts';
import { LEASE_GRACE_MS } from '../../protocol/limits.ts';
import type { ClientName } from '../people-types.ts';
import { DEFAULT_SETTINGS } from '../people-types.ts';
import type { SpaceState } from '../space-state.ts';
import { nextLook, ROW_EVERY_MS } from './client-rows.ts';
import { type Departure, depart } from './depart.ts';
import { type PresenceParts, settingsOf } from './presence-parts.ts';
import { hasLapsed, joined, renewed, type Sighting } from './roster-changes.ts';
import { ALL_SHARDS } from './rosters.ts';
import { type Seen, SeenClients } from './seen-clients.ts';

/** A client that was not heard of for long, or never here, gets its lease renewed within this long, ms. */
const SOON_MS = 1_000;
/** After a failure the round is tried again, ms. */
const AGAIN_MS = 1_000;
/** Clients without a word that one round takes out; the next one goes on. */
const MAX_LAPSED = 50;

/** What this process does for the clients of one space. */
export type Kept = {
  readonly id: string;
  readonly seen: SeenClients;
  readonly sightings: Map<string, Sighting>;
  leaseMs: number;
  /** Monotonic, ms: the next round, the last one that read the roster, and when anybody last had a reason to have rounds. */
  dueAt: number;
  readAt: number;
  touchedAt: number;
  busy: boolean;
  /** With a poll that nobody has looked at yet for other instances. */
  readonly unclaimed: Set<Seen>;
  claiming: boolean;
};

/** One round through a space, as it found it. */
type Found = { readonly missing: Seen[]; readonly lapsed: Departure[]; readonly clients: readonly string[] };

/**
 * Renews the leases of the clients that this process hears of: once each third of a lease one write per record, however often they poll. The same round takes
 * out those whose lease has ended, and puts back those that a lost record took with it.
 */
export class Keeper {
  readonly #parts: PresenceParts;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  of(space: string): Kept {
    let kept = this.#kept.get(space);
    const now = this.#parts.deps.clock.monotonic();
    if (!kept) {
      const { leaseMs } = this.#parts.settings.known(space) ?? DEFAULT_SETTINGS;
      kept = {
        id: space,
        seen: new SeenClients(),
        sightings: new Map(),
        leaseMs,
        dueAt: now + this.#pause(leaseMs),
        readAt: now,
        touchedAt: now,
        busy: false,
        unclaimed: new Set(),
        claiming: false,
      };
      this.#kept.set(space, kept);
    }
    kept.touchedAt = now;
    return kept;
  }

  /** The client was heard of. */
  touch(space: string, name: ClientName): Seen {
    const kept = this.of(space);
    const { seen, late } = kept.seen.touch(name, kept.touchedAt, kept.leaseMs / 3);
    if (late) this.soon(kept, SOON_MS);
    return seen;
  }

  /** Without a trace. */
  peek(space: string, name: ClientName): Seen | undefined {
    return this.#kept.get(space)?.seen.of(name);
  }

  /** It has left: no poll that still waits keeps it. */
  forget(space: string, name: ClientName): void {
    const seen = this.peek(space, name);
    if (seen) seen.state = 'notHere';
  }

  /** It is heard of and a roster that was lost may have forgotten it: goes back where its row says that it is here. Returns whether it is. */
  async putBack(space: SpaceState, name: ClientName): Promise<boolean> {
    const seen = this.touch(space.id, name);
    await this.#putBack(this.of(space.id), [seen]);
    return seen.state === 'here';
  }

  soon(kept: Kept, ms: number): void {
    kept.dueAt = Math.min(kept.dueAt, this.#parts.deps.clock.monotonic() + ms);
  }

  /** Called every so often: the rounds that are due. They settle by themselves. */
  run(): void {
    const now = this.#parts.deps.clock.monotonic();
    this.#parts.deps.metrics.gauge('clients_heard', this.clients);
    for (const kept of this.#kept.values()) {
      if (kept.busy || kept.dueAt > now) continue;
      kept.busy = true;
      void this.#round(kept, now);
    }
  }

  known(space: string): Kept | undefined {
    return this.#kept.get(space);
  }

  all(): Iterable<Kept> {
    return this.#kept.values();
  }

  /** Clients heard of lately, in all spaces. */
  get clients(): number {
    let count = 0;
    for (const { seen } of this.#kept.values()) count += seen.size;
    return count;
  }

  #pause(leaseMs: number): number {
    return (leaseMs / 3) * (1 - 0.2 * this.#parts.deps.random.fraction());
  }

  async #round(kept: Kept, now: number): Promise<void> {
    const { deps } = this.#parts;
    kept.dueAt = now + this.#pause(kept.leaseMs);
    try {
      await this.#keep(kept, now);
    } catch (error) {
      deps.log.warn({ space: kept.id, error: String(error) }, 'leases could not be renewed');
      this.soon(kept, AGAIN_MS);
    } finally {
      kept.busy = false;
      const idle = deps.clock.monotonic() - kept.touchedAt > 2 * (kept.leaseMs + LEASE_GRACE_MS);
      if (idle && kept.seen.size === 0) this.#kept.delete(kept.id);
    }
  }

  async #keep(kept: Kept, now: number): Promise<void> {
    const space = this.#parts.space(kept.id);
    kept.leaseMs = (await settingsOf(this.#parts, space)).leaseMs;
    const here = stillSeen(kept, now);
    // Nobody may have been able to renew while this process could not even read.
    if (now - kept.readAt > 0.6 * kept.leaseMs) kept.sightings.clear();
    const found = new Map<number, Found>();
    await this.#parts.rosters.change(space, ALL_SHARDS, (shard, F, place) => {
      const mine = here.filter(({ client }) => rosterShardOf(client) === place);
      found.set(place, look(kept, shard, mine, now, F));
      return { after: renewed(shard, leasesOf(kept, mine, shard, now, F), stepOf(kept)), visible: false };
    });
    kept.readAt = now;
    const all = [...found.values()];
    await this.#putBack(
      kept,
      all.flatMap(({ missing }) => missing),
    );
    for (const departure of all.flatMap(({ lapsed }) => lapsed).slice(0, MAX_LAPSED)) {
      await depart(this.#parts, space, departure);
      kept.sightings.delete(departure.client);
      this.#parts.deps.metrics.count('clients_lapsed');
    }
    const clients = new Set(all.flatMap((each) => each.clients));
    for (const id of kept.sightings.keys()) if (!clients.has(id)) kept.sightings.delete(id);
    if (clients.size > 0) await this.#parts.rosters.ensurePulse(space);
    await this.#writeRows(kept, here, now);
  }

  /** Clients that poll here but are not in the roster: a lost record took them with it, unless they left or never joined. */
  async #putBack(kept: Kept, missing: readonly Seen[]): Promise<void> {
    if (missing.length === 0) return;
    const { rows, rosters } = this.#parts;
    const space = this.#parts.space(kept.id);
    const found = await rows.read(
      kept.id,
      missing.map(({ client }) => client),
    );
    const now = this.#parts.deps.clock.monotonic();
    for (const [i, seen] of missing.entries()) {
      const row = found[i];
      if (!row || row.subject !== seen.subject || row.left !== undefined) {
        seen.state = 'notHere';
        continue;
      }
      const said = { ...(row.name === undefined ? {} : { name: row.name }), ...seen.said };
      await rosters.change(space, [rosterShardOf(seen.client)], (shard, F) => {
        const until = F + kept.leaseMs - (now - SeenClients.lastSeen(seen, now));
        const client = { g: row.generation, s: row.subject, ...said, until, held: row.held };
        const after = clientIn(shard, seen.client) ? undefined : joined(shard, seen.client, client, F);
        return { after, visible: true };
      });
      seen.state = 'here';
      this.#parts.deps.metrics.count('clients_put_back');
    }
  }

  async #writeRows(kept: Kept, here: readonly Seen[], now: number): Promise<void> {
    const due = here.filter(({ state, rowAt }) => state === 'here' && now - rowAt >= ROW_EVERY_MS);
    if (due.length === 0) return;
    const wall = this.#parts.deps.clock.now();
    const subjects = new Map(due.map(({ client, subject }) => [client, subject]));
    await this.#parts.rows.change(kept.id, [...subjects.keys()], (row, id) => {
      if (row.left !== undefined || row.subject !== subjects.get(id)) return undefined;
      return { ...row, lastSeen: wall, lookAt: nextLook(wall, kept.leaseMs) };
    });
    for (const seen of due) seen.rowAt = now;
  }
}

function stillSeen(kept: Kept, now: number): Seen[] {
  const here: Seen[] = [];
  for (const seen of [...kept.seen.all()]) {
    if (now - SeenClients.lastSeen(seen, now) > kept.leaseMs + LEASE_GRACE_MS) kept.seen.forget(seen);
    else here.push(seen);
  }
  return here;
}

/** Leases that would end later by no more than this are left as they are, ms. */
function stepOf({ leaseMs }: Kept): number {
  return leaseMs / 30;
}

function leasesOf(kept: Kept, mine: readonly Seen[], shard: RosterShard, now: number, F: number): Map<string, number> {
  const leases = new Map<string, number>();
  for (const seen of mine) {
    const entry = clientIn(shard, seen.client);
    if (entry?.s !== seen.subject) continue;
    const lastSeen = SeenClients.lastSeen(seen, now);
    const until = Math.floor(F + kept.leaseMs - (now - lastSeen));
    const before = kept.sightings.get(seen.client);
    const still = before?.until === entry.until && now - before.at >= kept.leaseMs / 4 && lastSeen > before.at;
    // Where the floor hardly moves, as nobody waits, others would see no difference and take it for gone.
    leases.set(seen.client, still ? Math.max(until, entry.until + stepOf(kept) + 1) : until);
  }
  return leases;
}

/** What one record tells of the clients heard of here, and of those that nobody has heard of for long. */
function look(kept: Kept, shard: RosterShard, mine: readonly Seen[], now: number, F: number): Found {
  const found: Found = { missing: [], lapsed: [], clients: Object.keys(shard.clients) };
  const heard = new Set<string>();
  for (const seen of mine) {
    const entry = clientIn(shard, seen.client);
    if (!entry && seen.state !== 'notHere') found.missing.push(seen);
    if (entry?.s !== seen.subject) continue;
    seen.state = 'here';
    seen.said = { ...(entry.name === undefined ? {} : { name: entry.name }), ...dataOf(entry) };
    heard.add(seen.client);
  }
  for (const [client, { g, s, until, held }] of Object.entries(shard.clients)) {
    const before = kept.sightings.get(client);
    const sighting = before?.g === g && before.until === until ? before : { g, until, at: now };
    kept.sightings.set(client, sighting);
    if (!heard.has(client) && hasLapsed(sighting, now, F, kept.leaseMs, LEASE_GRACE_MS))
      found.lapsed.push({ client, subject: s, g, held });
  }
  return found;
}

function dataOf({ data }: { readonly data?: Seen['said']['data'] }): Pick<Seen['said'], 'data'> {
  return data === undefined ? {} : { data };
}
