import { LRUCache } from 'lru-cache';
import type { Json } from '../../base/json.ts';
import { clientIn, type RosterClient, type RosterShard, rosterShardOf } from '../../model/roster-record.ts';
import type { CacheEntry } from '../../ports/cache.ts';
import type { JoinRequest } from '../../protocol/clients.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { ClientId, SpaceId } from '../../protocol/ids.ts';
import { MAX_CLIENTS_PER_SPACE } from '../../protocol/limits.ts';
import type { Deps } from '../context.ts';
import type { Answer, Caller, Clients, EmptyHandler, PollOutcome } from '../engine-types.ts';
import {
  type ClientName,
  type ClientRecords,
  type HeldItems,
  type LockRelease,
  type SpaceSettingsSource,
  withGrant,
  withoutGrant,
} from '../people-types.ts';
import type { SpaceState } from '../space-state.ts';
import { ClaimKeeper } from './claims.ts';
import { ClientRows } from './client-rows.ts';
import { depart } from './depart.ts';
import { dropItems } from './drop-items.ts';
import { Keeper } from './keeper.ts';
import { Patches } from './patches.ts';
import type { PresenceParts } from './presence-parts.ts';
import { settingsOf } from './presence-parts.ts';
import { holding, joined } from './roster-changes.ts';
import type { RosterListener } from './roster-reader.ts';
import { Rosters } from './rosters.ts';
import { parkFor } from './seen-clients.ts';
import { type ClientSweep, sweepClients } from './sweep-clients.ts';

export type PresenceGiven = {
  readonly deps: Deps;
  readonly settings: SpaceSettingsSource;
  readonly locks: LockRelease;
  readonly space: (id: string) => SpaceState;
  /** Readers may be told something new. */
  readonly hint: (space: SpaceState) => void;
  /** Throws where nothing new is taken any more. */
  readonly admit: () => void;
  readonly snapshot: (space: SpaceId) => Promise<Answer>;
  /** Everybody has left; the items of the space are still in the cache. */
  readonly beforeDropping?: EmptyHandler;
};

/** How often the rounds that are due are begun, ms. */
export const ROUNDS_MS = 500;

/** Who is in the spaces: joins, leases, what clients say of themselves, and what happens when all have left. */
export class Presence implements Clients, ClientRecords, RosterListener {
  readonly #given: PresenceGiven;
  readonly #parts: PresenceParts;
  readonly #keeper: Keeper;
  readonly #claims: ClaimKeeper;
  readonly #patches: Patches;
  readonly #handlers: EmptyHandler[] = [];
  readonly #sweep: ClientSweep;

  constructor(given: PresenceGiven) {
    const { deps, settings, locks, space, hint } = given;
    this.#given = given;
    const rosters = new Rosters(deps, hint);
    this.#parts = { deps, settings, locks, space, rosters, rows: new ClientRows(deps.store) };
    this.#keeper = new Keeper(this.#parts);
    this.#claims = new ClaimKeeper(deps, rosters);
    this.#patches = new Patches(deps, rosters);
    this.#sweep = {
      ...this.#parts,
      keeper: this.#keeper,
      handlers: this.#handlers,
      missing: new LRUCache({ max: 10_000 }),
    };
    if (given.beforeDropping) this.onEmpty(given.beforeDropping);
    this.onEmpty((empty) => dropItems(deps, space(empty)));
  }

  async join(id: SpaceId, request: JoinRequest, { subject }: Caller): Promise<Buffer> {
    this.#given.admit();
    const { rosters, rows, deps } = this.#parts;
    const space = this.#parts.space(id);
    const { leaseMs } = await settingsOf(this.#parts, space);
    const { F, shards } = await rosters.read(space);
    const client = request.clientId ?? deps.random.id();
    const { name } = request;
    refuseIfFull(shards, client);
    const who = { subject, ...(name === undefined ? {} : { name }) };
    const row = await rows.join(id, client, who, { now: deps.clock.now(), F, leaseMs });
    this.#patches.forget(id, client);
    const said = { ...who, ...(request.data === undefined ? {} : { data: request.data as Json }) };
    let superseded = false;
    await rosters.change(space, [rosterShardOf(client)], (shard, now) => {
      const { subject: s, ...shown } = said;
      const entry = { g: row.generation, s, ...shown, until: now + leaseMs, held: row.held };
      const after = joined(shard, client, entry, now);
      superseded = !after;
      return { after, visible: true };
    });
    if (superseded) throw new ProblemError('superseded', 'the client joined once more meanwhile');
    const seen = this.#keeper.touch(id, { subject, client });
    deps.metrics.count('clients_joined');
    Object.assign(seen, { state: 'here', said, rowAt: deps.clock.monotonic() });
    // Also where the pulse gets lost meanwhile, the next look here reads who is here.
    space.roster = { view: space.roster?.view ?? [], words: [], readAt: Number.NEGATIVE_INFINITY };
    const answer = await this.#given.snapshot(id);
    const about = JSON.stringify({ clientId: client, generation: row.generation, leaseMs, nextSeq: row.seq });
    return Buffer.concat([Buffer.from(`${about.slice(0, -1)},`), answer.body.subarray(1)]);
  }

  /** A poll of a client: it counts as a word from it for as long as it waits, and ends an older one. */
  poll(
    space: string,
    name: ClientName,
    deliver: (outcome: PollOutcome) => void,
    park: (deliver: (outcome: PollOutcome) => void) => () => void,
  ): () => void {
    const seen = this.#keeper.touch(space, name);
    const cancel = parkFor(seen, deliver, park, (ended) => {
      ended.at = this.#parts.deps.clock.monotonic();
    });
    if (seen.poll) this.#keeper.of(space).unclaimed.add(seen);
    return cancel;
  }

  async patch(id: SpaceId, client: ClientId, data: Json, { subject }: Caller): Promise<void> {
    const name = { subject, client };
    this.#patches.admit(id, name);
    const space = this.#parts.space(id);
    if (!this.#isHere(id, name)) {
      const isEntered = (await this.#entryOf(space, client))?.s === subject;
      if (!isEntered && !(await this.#keeper.putBack(space, name))) throw notJoined(client);
    }
    const seen = this.#keeper.touch(id, name);
    seen.state = 'here';
    seen.said = { ...seen.said, data };
    this.#patches.put(space, name, data, countOf(space.roster?.view ?? []));
  }

  async leave(id: SpaceId, client: ClientId, generation: number | undefined, { subject }: Caller): Promise<void> {
    const space = this.#parts.space(id);
    const [row] = await this.#parts.rows.read(id, [client]);
    if (!row) return;
    if (row.subject !== subject) throw new ProblemError('forbidden', `the client ${client} is somebody else's`);
    const g = generation ?? row.generation;
    if (g < row.generation) return;
    this.#keeper.forget(id, { subject, client });
    await depart(this.#parts, space, { client, subject, g, held: row.held });
  }

  async hold(
    space: SpaceState,
    { subject, client }: ClientName,
    item: string,
    grant: string,
    max: number,
  ): Promise<'held' | 'tooMany' | 'notJoined'> {
    type Outcome = 'held' | 'tooMany' | 'notJoined';
    let outcome = 'notJoined' as Outcome;
    const decide = (before: HeldItems) => {
      const others = Object.keys(before).filter((each) => each !== item).length;
      outcome = others >= max ? 'tooMany' : 'held';
      return outcome === 'tooMany' ? undefined : withGrant(before, item, grant);
    };
    let held = await this.#changeHeld(space, { subject, client }, decide);
    if (outcome === 'notJoined' && (await this.#keeper.putBack(space, { subject, client })))
      held = await this.#changeHeld(space, { subject, client }, decide);
    if (held) await this.#writeHeld(space, client, subject, (row) => withGrant(row, item, grant));
    return outcome;
  }

  async heldBy(space: SpaceState, { subject, client }: ClientName): Promise<HeldItems> {
    const entry = await this.#entryOf(space, client);
    return entry?.s === subject ? entry.held : {};
  }

  async revise(space: SpaceState, name: ClientName, decide: (held: HeldItems) => HeldItems | undefined) {
    return (await this.#changeHeld(space, name, decide)) !== undefined;
  }

  async drop(
    space: SpaceState,
    { subject, client }: ClientName,
    item: string,
    grant: string | undefined,
  ): Promise<void> {
    const without = (held: HeldItems) => withoutGrant(held, item, grant);
    await this.#changeHeld(space, { subject, client }, without);
    await this.#writeHeld(space, client, subject, without);
  }

  onEmpty(handler: EmptyHandler): void {
    this.#handlers.push(handler);
  }

  present(space: SpaceState): void {
    this.#keeper.of(space.id);
  }

  lost(space: SpaceState): void {
    this.#keeper.soon(this.#keeper.of(space.id), 0);
  }

  claimed(space: SpaceState, claims: CacheEntry | undefined): void {
    const kept = this.#keeper.known(space.id);
    if (kept) this.#claims.learn(kept, claims);
  }

  /** Begins the rounds that are due. */
  run(): void {
    this.#keeper.run();
    for (const kept of this.#keeper.all())
      if (kept.unclaimed.size > 0) void this.#claims.round(this.#parts.space(kept.id), kept);
  }

  sweep(): Promise<void> {
    return sweepClients(this.#sweep);
  }

  async #entryOf(space: SpaceState, client: string): Promise<RosterClient | undefined> {
    let entry: RosterClient | undefined;
    await this.#parts.rosters.change(space, [rosterShardOf(client)], (shard) => {
      entry = clientIn(shard, client);
      return { after: undefined, visible: false };
    });
    return entry;
  }

  #isHere(space: string, name: ClientName): boolean {
    return this.#keeper.peek(space, name)?.state === 'here';
  }

  /** `undefined` where nothing was changed. */
  async #changeHeld(
    space: SpaceState,
    { subject, client }: ClientName,
    decide: (held: HeldItems) => HeldItems | undefined,
  ): Promise<HeldItems | undefined> {
    let held: HeldItems | undefined;
    await this.#parts.rosters.change(space, [rosterShardOf(client)], (shard: RosterShard) => {
      const entry = clientIn(shard, client);
      held = entry?.s === subject ? decide(entry.held) : undefined;
      return { after: held && holding(shard, client, held), visible: false };
    });
    return held;
  }

  /**
   * The row decides by what it has itself: two changes may reach it in another order than the roster. Also where it says that the client has left: a
   * departure that was cut off goes by the row, should the roster get lost.
   */
  #writeHeld(
    space: SpaceState,
    client: string,
    subject: string,
    decide: (held: HeldItems) => HeldItems | undefined,
  ): Promise<void> {
    return this.#parts.rows.change(space.id, [client], (row) => {
      const held = row.subject === subject ? decide(row.held) : undefined;
      return held && { ...row, held };
    });
  }
}

function countOf(shards: readonly (RosterShard | undefined)[]): number {
  let count = 0;
  for (const shard of shards) if (shard) count += Object.keys(shard.clients).length;
  return count;
}

function refuseIfFull(shards: readonly (RosterShard | undefined)[], client: string): void {
  const shard = shards[rosterShardOf(client)];
  if (countOf(shards) < MAX_CLIENTS_PER_SPACE || (shard && clientIn(shard, client))) return;
  const detail = `a space has room for ${MAX_CLIENTS_PER_SPACE} clients`;
  throw new ProblemError('overloaded', detail, { retryAfterMs: 30_000 });
}

function notJoined(client: string): ProblemError {
  return new ProblemError('notJoined', `the client ${client} is not in this space; it joins with POST …/clients`);
}
