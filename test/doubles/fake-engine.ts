import { EventEmitter, once } from 'node:events';
import type { Json } from '../../src/base/json.ts';
import type {
  Answer,
  Caller,
  Engine,
  EngineStats,
  ItemState,
  LockAnswer,
  PollOutcome,
  Standing,
} from '../../src/core/engine-types.ts';
import { mergePatch } from '../../src/kinds/merge-patch.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import type { GetUpdatesQuery, GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import type { ItemId, SpaceId } from '../../src/protocol/ids.ts';
import type { LockRequest } from '../../src/protocol/locks.ts';
import type { OpsQuery, OpsResponse } from '../../src/protocol/ops.ts';
import {
  checkPostUpdate,
  type PostUpdateRequest,
  type PostUpdateResponse,
  type Update,
  type UpdateResult,
} from '../../src/protocol/post-update.ts';

export type ParkedPoll = {
  readonly space: string;
  readonly query: GetUpdatesQuery;
  readonly deliver: (outcome: PollOutcome) => void;
  cancelled: boolean;
  readonly caller: Caller | undefined;
};

/** A request for operations. */
export type AskedOps = {
  readonly space: string;
  readonly item: string;
  readonly query: OpsQuery;
  readonly deliver: (outcome: PollOutcome) => void;
  cancelled: boolean;
};

type Item = { kind: string; version: number; value: Json; deleted: boolean };

/** Registers of one space in memory. Polls without `wait` get a snapshot at once, the others park until the test answers them. */
export class FakeEngine implements Engine {
  readonly items = new Map<string, Item>();
  readonly standing = new Map<string, Standing>();
  readonly requests: PostUpdateRequest[] = [];
  readonly callers: Caller[] = [];
  readonly polls: ParkedPoll[] = [];
  readonly opsAsked: AskedOps[] = [];
  /** Items whose pictures were asked for. */
  readonly picturesAsked: string[] = [];
  /** Requests for locks: what was asked, and whether an admin did. */
  readonly locks: (LockRequest & { readonly item: string; readonly admin: boolean; readonly ends?: true })[] = [];
  lockAnswer: LockAnswer = { result: 'granted', fence: 7, ttlMs: 30_000 };
  /** Decides an update instead of the registers, where it returns something. */
  script: (update: Update) => UpdateResult | undefined = () => undefined;
  /** Thrown by every call while set. */
  failure: unknown;
  swept = 0;
  /** Calls of `clients`, in their order. */
  readonly clientCalls: unknown[] = [];
  readonly clients: Engine['clients'] = {
    join: async (_space, request, { subject }) => {
      this.#fail();
      this.clientCalls.push(['join', request, subject]);
      const joined = { clientId: request.clientId ?? 'made', generation: 1, leaseMs: 30_000, nextSeq: 1 };
      const clients = [{ id: joined.clientId, state: 'joined' }];
      return Buffer.from(JSON.stringify({ ...joined, ...JSON.parse(this.snapshot().body.toString()), clients }));
    },
    patch: async (_space, client, data, { subject }) => {
      this.#fail();
      this.clientCalls.push(['patch', client, data, subject]);
    },
    leave: async (_space, client, generation, { subject }) => {
      this.#fail();
      this.clientCalls.push(['leave', client, generation, subject]);
    },
    onEmpty: () => {},
  };
  readonly pictures: Engine['pictures'] = {
    file: async (_space, item, version = 7) => {
      this.#fail();
      this.picturesAsked.push(item);
      if (item === 'none') throw new ProblemError('notFound', 'there is no item none');
      return version > 7 ? undefined : { version, index: version, lineage: '1.1', png: Buffer.from('png') };
    },
    stored: async (_space, item, after) => {
      this.#fail();
      this.picturesAsked.push(item);
      const picture = (version: number) => ({ version, index: version, lineage: '1.1' });
      return [3, 7].filter((version) => version > after).map(picture);
    },
  };
  readonly #events = new EventEmitter();

  async postUpdate(_space: SpaceId, request: PostUpdateRequest, caller: Caller): Promise<PostUpdateResponse> {
    this.#fail();
    checkPostUpdate(request);
    this.requests.push(request);
    this.callers.push(caller);
    return { epoch: 'e1', results: request.updates.map((update) => this.#apply(update)) };
  }

  async update(space: SpaceId, update: Update, caller: Caller): Promise<UpdateResult> {
    const { results } = await this.postUpdate(space, { updates: [update] }, caller);
    return results[0] as UpdateResult;
  }

  poll(space: SpaceId, query: GetUpdatesQuery, deliver: (outcome: PollOutcome) => void, caller?: Caller): () => void {
    this.#fail();
    const parked: ParkedPoll = { space, query, deliver, cancelled: false, caller };
    this.polls.push(parked);
    if (query.marker === 'm-bad') {
      deliver({ problem: new ProblemError('badMarker', 'not a marker of this space').problem });
    } else if ((query.wait ?? (query.marker === undefined ? 0 : 25)) === 0) deliver({ answer: this.snapshot() });
    else this.#events.emit('parked', parked);
    return () => {
      parked.cancelled = true;
      this.#events.emit('cancelled', parked);
    };
  }

  ops(space: SpaceId, item: ItemId, query: OpsQuery, deliver: (outcome: PollOutcome) => void): () => void {
    this.#fail();
    const parked = { space, item, query, deliver, cancelled: false };
    this.opsAsked.push(parked);
    const answer = { ops: [], nextIndex: query.index, lineage: '1.0', upToDate: true };
    if (query.wait === 0) deliver({ answer: { body: Buffer.from(JSON.stringify(answer)), marker: '', empty: true } });
    else this.#events.emit('parked', parked);
    return () => {
      parked.cancelled = true;
      this.#events.emit('cancelled', parked);
    };
  }

  async lock(_space: SpaceId, item: ItemId, ask: LockRequest, caller: Caller, admin: boolean): Promise<LockAnswer> {
    this.#fail();
    this.callers.push(caller);
    this.locks.push({ ...ask, item, admin });
    return this.lockAnswer;
  }

  async unlock(_space: SpaceId, item: ItemId, clientId: string, caller: Caller, admin: boolean): Promise<void> {
    this.#fail();
    this.callers.push(caller);
    this.locks.push({ clientId, item, admin, ends: true });
  }

  async freeLocks(): Promise<void> {}

  async readItem(_space: SpaceId, item: ItemId): Promise<ItemState | undefined> {
    this.#fail();
    const held = this.items.get(item);
    if (held === undefined) return undefined;
    const { kind, version, value, deleted } = held;
    const at = { kind, version, durableVersion: version - 1, updatedAt: '2026-01-01T00:00:00.000Z', deleted };
    return deleted ? at : { ...at, value };
  }

  /** Of logs alone, which are no registers. */
  async readStanding(_space: SpaceId, item: ItemId): Promise<Standing | undefined> {
    this.#fail();
    return this.standing.get(item);
  }

  async readOps(_space: SpaceId, item: ItemId, query: OpsQuery): Promise<OpsResponse> {
    this.#fail();
    const { born, L } = this.standing.get(item)?.head ?? { born: 1, L: 0 };
    return { ops: [], nextIndex: query.index, lineage: `${born}.${L}`, upToDate: true };
  }

  async sweep(): Promise<{ swept: number; pruned: number }> {
    this.swept++;
    return { swept: 0, pruned: 0 };
  }

  stats(): EngineStats {
    return { parkedPolls: 0, coldReads: 0, resyncs: 0, dirtyItems: 0, oldestDirtyMs: 0, watchedSpaces: 0 };
  }

  async stop(): Promise<void> {
    this.#events.removeAllListeners();
  }

  async nextParked(): Promise<ParkedPoll> {
    const [parked] = await once(this.#events, 'parked');
    return parked;
  }

  async nextCancelled(): Promise<ParkedPoll> {
    const [parked] = await once(this.#events, 'cancelled');
    return parked;
  }

  snapshot(): Answer {
    const items: GetUpdatesResponse['items'] = [...this.items].map(([id, { kind, version, value }]) => {
      return { id, kind, version, durableVersion: version - 1, updatedAt: '2026-01-01T00:00:00.000Z', value };
    });
    const body: GetUpdatesResponse = { marker: 'm1', epoch: 'e1', upToDate: true, changesRemaining: 0, items };
    return { body: Buffer.from(JSON.stringify(body)), marker: 'm1', empty: items.length === 0 };
  }

  #apply(update: Update): UpdateResult {
    const scripted = this.script(update);
    if (scripted !== undefined) return scripted;
    const { item } = update;
    const held = this.items.get(item) ?? { kind: update.kind ?? 'register', version: 0, value: null, deleted: true };
    const current = held.deleted ? 0 : held.version;
    const at = { item, version: current, durableVersion: 0 };
    if (update.ifVersion !== undefined && update.ifVersion !== current) return { ...at, result: 'conflict' };
    const op = update.op as { set?: Json; merge?: Json; delete?: true };
    if (!op.delete && !held.deleted && update.kind !== undefined && update.kind !== held.kind) {
      return { item, result: 'invalid', code: 'kindMismatch', detail: `${item} is a ${held.kind}` };
    }
    const value = op.delete ? null : op.set !== undefined ? op.set : mergePatch(held.value, op.merge ?? null);
    const version = held.version + 1;
    this.items.set(item, { ...held, version, value, deleted: op.delete === true });
    return { item, result: 'ok', version, durableVersion: update.durable ? version : version - 1 };
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
