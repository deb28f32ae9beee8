import { createInProcessHub } from '../../src/backends/bus/in-process.ts';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { createEngine } from '../../src/core/engine.ts';
import {
  DEFAULT_ENGINE_CONFIG,
  type Engine,
  type EngineConfig,
  type PollOutcome,
} from '../../src/core/engine-types.ts';
import type { ArchiveConfig } from '../../src/core/history/archive-files.ts';
import { DEFAULT_SETTINGS, type SpaceSettings } from '../../src/core/people-types.ts';
import type { Painting } from '../../src/core/pictures/pictures.ts';
import type { EngineParts } from '../../src/core/presence/engine-parts.ts';
import { HeldSettings } from '../../src/core/spaces/held-settings.ts';
import type { Kind, Kinds } from '../../src/kinds/kind.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import { type ClientRow, decodeClientRow } from '../../src/model/client-row.ts';
import { decodeFloor, type Floor } from '../../src/model/floor-record.ts';
import { decodeHead, type Head, isPlaceholder } from '../../src/model/head.ts';
import { clientRowKey, floorKey, headKey, itemRowKey, spaceRowKey } from '../../src/model/keys.ts';
import { decodeRow, decodeSpaceRow, type Row, type SpaceRow } from '../../src/model/row.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Metrics } from '../../src/ports/metrics.ts';
import type { Problem } from '../../src/protocol/errors.ts';
import {
  type GetUpdatesQuery,
  type GetUpdatesResponse,
  getUpdatesResponseSchema,
} from '../../src/protocol/get-updates.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import {
  type PostUpdateRequest,
  type PostUpdateResponse,
  postUpdateResponseSchema,
  type Update,
  type UpdateResult,
} from '../../src/protocol/post-update.ts';
import { chronicle, journal } from '../doubles/journal-kind.ts';
import { Seeded } from '../simulation/seeded.ts';
import { JoinedClients } from './client-records.ts';
import { FakeClock } from './clocks.ts';
import { ProbedCache, ProbedStore } from './probed-backends.ts';
import { RecordedLog } from './recorded-log.ts';

export const TEST_KINDS: Kinds = new Map<string, Kind>([
  ...KINDS,
  [journal.name, journal as Kind],
  [chronicle.name, chronicle as Kind],
]);
export const SPACE = 'board' as SpaceId;
/** N of every engine here unless a test says otherwise. */
export const N = DEFAULT_ENGINE_CONFIG.persistMs;
const MAX_TURNS = 20_000;

/** One server over the shared cache and store. */
export type Instance = {
  readonly engine: Engine;
  readonly cache: ProbedCache;
  readonly store: ProbedStore;
  readonly log: RecordedLog;
  readonly counts: Map<string, number>;
  readonly settings: HeldSettings;
  /** As `kill -9`: nothing it has begun goes on. */
  kill(): void;
};

/** A poll that waits. */
export class ParkedPoll {
  outcome: PollOutcome | undefined;
  deliveries = 0;
  cancel: () => void = () => {};

  take(outcome: PollOutcome): void {
    this.deliveries++;
    this.outcome = outcome;
  }

  get response(): GetUpdatesResponse {
    if (!this.outcome) throw new Error('the poll is still parked');
    if ('problem' in this.outcome) throw new Error(`the poll failed: ${this.outcome.problem.code}`);
    return getUpdatesResponseSchema.parse(JSON.parse(this.outcome.answer.body.toString()));
  }

  get problem(): Problem | undefined {
    return this.outcome && 'problem' in this.outcome ? this.outcome.problem : undefined;
  }
}

export type Ask = Partial<GetUpdatesQuery>;

type StartOptions = {
  skewMs?: number;
  deaf?: boolean;
  settable?: boolean;
  joining?: boolean;
  parts?: EngineParts;
  painting?: Painting;
  archive?: ArchiveConfig;
};

/** Engines over one cache and one store in memory, with a clock that moves when told. */
export class EngineWorld {
  readonly clock = new FakeClock();
  readonly random = new Seeded(7);
  readonly instances: Instance[] = [];
  readonly #cache = createMemoryCache({ clock: this.clock });
  readonly #store = createMemoryStore();
  readonly #hub = createInProcessHub();
  /** Shared by all instances. */
  readonly clients = new JoinedClients();
  settings: SpaceSettings = DEFAULT_SETTINGS;
  readonly #keys = new Set<string>();
  readonly #config: Partial<EngineConfig>;
  readonly #painting: Painting | undefined;

  constructor(config: Partial<EngineConfig> = {}, instances = 1, painting?: Painting) {
    this.#config = config;
    this.#painting = painting;
    for (let i = 0; i < instances; i++) this.start();
  }

  /** One more instance. `skewMs`: its wall clock is off by this much; `deaf`: no hint goes from or to it; `settable`: settings of spaces count; `joining`: only clients that joined hold locks. */
  start(
    config: Partial<EngineConfig> = {},
    {
      skewMs = 0,
      deaf = false,
      settable = false,
      joining = false,
      parts = {},
      painting = this.#painting,
      archive,
    }: StartOptions = {},
  ): Instance {
    const cache = new ProbedCache(this.#cache, this.#keys);
    const store = new ProbedStore(this.#store);
    const log = new RecordedLog();
    const counts = new Map<string, number>();
    const life = { ended: false };
    const settings = new HeldSettings({ store, clock: clockOf(this.clock, life, skewMs), log });
    const deps = {
      cache,
      store,
      log,
      bus: deaf ? createInProcessHub().bus() : this.#hub.bus(),
      clock: clockOf(this.clock, life, skewMs),
      random: this.random,
      metrics: metricsInto(counts),
      kinds: TEST_KINDS,
      ...(painting ? { painting } : {}),
      ...(archive ? { archive } : {}),
      ...(joining ? {} : { clients: this.clients }),
      settings: settable ? settings : { known: () => this.settings, load: async () => this.settings },
      config: { ...DEFAULT_ENGINE_CONFIG, secrets: ['one'], ...this.#config, ...config },
    };
    const engine = createEngine(deps, parts);
    const kill = () => {
      life.ended = cache.dead = store.dead = true;
    };
    const instance = { engine, cache, store, log, counts, settings, kill };
    this.instances.push(instance);
    return instance;
  }

  at(place: number): Instance {
    const instance = this.instances[place];
    if (!instance) throw new Error(`no instance ${place}`);
    return instance;
  }

  /** Lets what is ready run, without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) {
      this.clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Time passes, in steps so small that every timer finds the work of the ones before it done. */
  async pass(ms: number, step = 50): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }

  /** Settles with the promise; time passes only if it has to. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    for (let turn = 0; !settled; turn++) {
      if (turn > MAX_TURNS) throw new Error('it never settles');
      this.clock.advance(turn < 8 ? 0 : 5);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return watched;
  }

  async postAll(
    request: PostUpdateRequest,
    options: { on?: number; subject?: string; space?: string } = {},
  ): Promise<PostUpdateResponse> {
    const { engine } = this.at(options.on ?? 0);
    const caller = { subject: options.subject ?? 'anonymous' };
    const response = await this.run(engine.postUpdate((options.space ?? SPACE) as SpaceId, request, caller));
    postUpdateResponseSchema.parse(JSON.parse(JSON.stringify(response)));
    return response;
  }

  /** One update, its result. `seq` travels as client `c`'s unless `clientId` says otherwise. */
  async post(
    item: string,
    op: unknown,
    more: Partial<Update> & { on?: number; clientId?: string; seq?: number } = {},
  ): Promise<UpdateResult> {
    const { on, clientId, seq, ...rest } = more;
    const update: Update = { item, ...(op === undefined ? {} : { op }), ...rest };
    const client =
      seq === undefined ? (clientId === undefined ? {} : { clientId }) : { clientId: clientId ?? 'c', seq };
    const { results } = await this.postAll({ ...client, updates: [update] }, on === undefined ? {} : { on });
    const [result] = results;
    if (!result) throw new Error('no result');
    return result;
  }

  /** As `post`, for updates that must be accepted. */
  async ok(...args: Parameters<EngineWorld['post']>): Promise<UpdateResult & { result: 'ok' }> {
    const result = await this.post(...args);
    if (result.result !== 'ok') throw new Error(`not accepted: ${JSON.stringify(result)}`);
    return result;
  }

  park(ask: Ask = {}, on = 0, space: SpaceId = SPACE, subject = 'anonymous'): ParkedPoll {
    const parked = new ParkedPoll();
    const query = { limit: 500, durable: false, ...ask };
    parked.cancel = this.at(on).engine.poll(space, query, (outcome) => parked.take(outcome), { subject });
    return parked;
  }

  /** A poll that does not wait. */
  async poll(ask: Ask = {}, on = 0): Promise<GetUpdatesResponse> {
    const parked = this.park({ wait: 0, ...ask }, on);
    await this.delivered(parked);
    return parked.response;
  }

  /** The problem of a poll that does not wait. */
  async pollProblem(ask: Ask = {}, on = 0): Promise<Problem | undefined> {
    const parked = this.park({ wait: 0, ...ask }, on);
    await this.delivered(parked);
    return parked.problem;
  }

  async delivered(parked: ParkedPoll): Promise<void> {
    for (let turn = 0; !parked.outcome; turn++) {
      if (turn > MAX_TURNS) throw new Error('the poll is never answered');
      this.clock.advance(turn < 8 ? 0 : 5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  snapshot(on = 0): Promise<GetUpdatesResponse> {
    return this.poll({}, on);
  }

  restartCache(): void {
    this.#cache.clear();
    this.#keys.clear();
  }

  /** Drops the records whose key matches; returns how many there were. */
  async evict(pattern: RegExp): Promise<number> {
    let gone = 0;
    for (const key of this.#keys) if (pattern.test(key) && (await this.#cache.delete(key))) gone++;
    return gone;
  }

  /** Keys of records that are there. */
  async keysLike(pattern: RegExp): Promise<string[]> {
    const keys = [...this.#keys].filter((key) => pattern.test(key));
    const entries = await this.#cache.get(keys);
    return keys.filter((_, i) => entries[i] !== undefined);
  }

  async record(key: string): Promise<Buffer | undefined> {
    return (await this.#cache.get([key]))[0]?.value;
  }

  async floor(): Promise<Floor | undefined> {
    const bytes = await this.record(floorKey(SPACE));
    return bytes && decodeFloor(bytes);
  }

  async head(item: string): Promise<Head | undefined> {
    const bytes = await this.record(headKey(SPACE, item));
    const head = bytes && decodeHead(bytes);
    return head && !isPlaceholder(head) ? head : undefined;
  }

  async row(item: string): Promise<Row | undefined> {
    const [record] = await this.#store.read([itemRowKey(SPACE, item)]);
    return record && decodeRow(record);
  }

  async clientRow(id: string): Promise<ClientRow | undefined> {
    const [record] = await this.#store.read([clientRowKey(SPACE, id)]);
    return record && decodeClientRow(record);
  }

  async spaceRow(): Promise<SpaceRow> {
    const [record] = await this.#store.read([spaceRowKey(SPACE)]);
    return decodeSpaceRow(record);
  }

  /** Store writes of all instances. */
  get storeWrites(): number {
    return this.instances.reduce((sum, { store }) => sum + store.writes.length, 0);
  }
}

function clockOf(clock: FakeClock, life: { readonly ended: boolean }, skewMs: number): Clock {
  return {
    now: () => clock.now() + skewMs,
    monotonic: () => clock.monotonic(),
    after: (ms, call) => clock.after(ms, () => void (life.ended || call())),
    sleep: (ms) => new Promise((resolve) => clock.after(ms, () => void (life.ended || resolve()))),
  };
}

function metricsInto(counts: Map<string, number>): Metrics {
  return {
    count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    gauge: (name, value) => void counts.set(name, value),
    observe: () => {},
  };
}
