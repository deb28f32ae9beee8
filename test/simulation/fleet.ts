import type { Engine, EngineConfig } from '../../src/core/engine-types.ts';
import { DEFAULT_ENGINE_CONFIG } from '../../src/core/engine-types.ts';
import type { LockParts } from '../../src/core/locks.ts';
import { DEFAULT_SETTINGS, type SpaceSettings } from '../../src/core/people-types.ts';
import { PaintPool } from '../../src/core/pictures/paint-pool.ts';
import type { Painting } from '../../src/core/pictures/pictures.ts';
import type { SpaceDeps } from '../../src/core/spaces/settings.ts';
import type { Kind, Kinds } from '../../src/kinds/kind.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Metrics } from '../../src/ports/metrics.ts';
import { chronicle, journal } from '../doubles/journal-kind.ts';
import { JoinedClients } from '../support/client-records.ts';
import { BlobWorld, SimBlobs } from './blob-world.ts';
import { CacheWorld } from './cache-world.ts';
import { CALM } from './config-base.ts';
import type { SimConfig } from './faults.ts';
import type { History } from './history.ts';
import { createListingPainter } from './listing-painter.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';
import { BusWorld, SimBus } from './sim-bus.ts';
import { SimCache } from './sim-cache.ts';
import { SimClock } from './sim-clock.ts';
import { SimStore, StoreWorld } from './sim-store.ts';

/** Clients have a simulation of their own. */
export type SimEngine = Omit<Engine, 'clients' | 'readStanding' | 'readOps'>;
export type CreateEngine = (deps: SpaceDeps & LockParts) => SimEngine;

/** As texts are kept, with bounds that are crossed many times within a run: bodies and segments beside the head, values stored apart from their rows. */
const textLike: Kind<readonly string[]> = {
  ...journal,
  keepDeltaBytes: 3_000,
  inlineBytes: 300,
  tailBytes: () => 600,
  apartBytes: 600,
};

export const SIM_KINDS: Kinds = new Map<string, Kind>([
  ...KINDS,
  [textLike.name, textLike as Kind],
  [chronicle.name, chronicle as Kind],
]);

/** Operations on rasters, tiles and the locks of who draws and stores them. */
const PAINTED = / [agwe]\//;

/** Times short enough that coverages end, items are closed and tombstones are pruned within a run. */
export const SIM_ENGINE: EngineConfig = {
  ...DEFAULT_ENGINE_CONFIG,
  indexShards: 2,
  ledgerShards: 2,
  persistMs: 1_500,
  sweepMs: 1_500,
  tombstoneMs: 6_000,
  indexRetentionMs: 6_000,
  refuseFirstAfterMs: 20_000,
  refuseAllAfterMs: 60_000,
  secrets: ['simulated'],
  keepAnswersFrom: 0,
};

/** Short enough that leases end, and holders are held to the longest hold, within a run. */
export const SIM_SETTINGS: SpaceSettings = {
  ...DEFAULT_SETTINGS,
  lockTtlMs: 2_000,
  maxHoldMs: 9_000,
  maxLocks: 2,
  steal: 'anyone',
  leaseMs: 6_000,
};

export type Instance = {
  readonly process: SimProcess;
  readonly engine: SimEngine;
  readonly cache: SimCache;
  readonly clock: SimClock;
};

/** What a request came to, as its client sees it. `lost`: no answer; it may or may not have been carried out. */
export type Reply<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'lost' };

export type Request<T> = {
  readonly label: string;
  readonly patienceMs: number;
  send(engine: SimEngine, onGiveUp: (call: () => void) => void): Promise<T>;
};

/** The instances, the cache and the store they share, and the wires to their clients. */
export class Fleet {
  readonly cache: CacheWorld;
  readonly store: StoreWorld;
  readonly bus: BusWorld;
  readonly blobs: BlobWorld;
  readonly instances: Instance[] = [];
  /** Whoever asks has joined. */
  readonly clients = new JoinedClients({ open: true });
  readonly #scheduler: Scheduler;
  readonly #random: Seeded;
  readonly #history: History;
  readonly #create: CreateEngine;
  #config: SimConfig;
  #born = 0;

  constructor(scheduler: Scheduler, random: Seeded, history: History, config: SimConfig, create: CreateEngine) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#history = history;
    this.#create = create;
    this.#config = config;
    this.cache = new CacheWorld(scheduler, random.fork(), config.cache, config.nodes);
    this.store = new StoreWorld(scheduler, random.fork(), config.store);
    this.bus = new BusWorld(scheduler, random.fork(), config.bus);
    this.blobs = new BlobWorld(scheduler, config.work.drawers > 0 ? random.fork() : random, config.blobs);
    this.cache.carriedOut = (process, label) => this.#crash(process, label, PAINTED);
    this.blobs.carriedOut = (process, label) => this.#crash(process, label, /./);
    scheduler.pauses = config.pauses;
    for (let place = 0; place < 3; place++) this.start(place);
  }

  get engineConfig(): EngineConfig {
    return { ...SIM_ENGINE, ...this.#config.engine };
  }

  /** A fresh instance with an empty memory. */
  start(place: number): void {
    const process = new SimProcess(`s${place}.${this.#born++}`);
    const cache = new SimCache(this.cache, process);
    const clock = new SimClock(this.#scheduler, process, this.#random, this.#config.clock);
    const engine = this.#create({
      cache,
      clock,
      store: new SimStore(this.store, process),
      bus: new SimBus(this.bus, process),
      random: this.#random.fork(),
      log: traceLog(this.#scheduler, process),
      metrics: countingMetrics(this.#history),
      kinds: SIM_KINDS,
      ...(this.#config.work.drawers > 0 ? { painting: this.#painting(process, clock) } : {}),
      ...(this.#config.work.joins ? {} : { clients: this.clients }),
      settings: { known: () => SIM_SETTINGS, load: async () => SIM_SETTINGS },
      config: this.engineConfig,
    });
    this.instances[place] = { process, engine, cache, clock };
  }

  /** `kill -9`, and a successor. */
  kill(place: number): void {
    const { process, cache } = this.at(place);
    this.#scheduler.kill(process);
    void cache.close();
    for (const watcher of this.bus.watchers) if (watcher.process === process) this.bus.watchers.delete(watcher);
    this.start(place);
  }

  /** Folds as slowly as on a machine that has much else to do. */
  #painting(process: SimProcess, clock: SimClock): Painting {
    const late = () =>
      this.#scheduler.sleep(this.#random.int(this.#random.chance(0.1) ? 1_500 : 40), 'paints', process);
    const hire = () => createListingPainter(late);
    const pool = new PaintPool({ clock, hire, painters: 1, maxWaiting: 100 });
    return { pool, stamp: async () => undefined, blobs: new SimBlobs(this.blobs, process) };
  }

  #crash(process: SimProcess, label: string, where: RegExp): void {
    if (this.#config.crash === 0 || process.dead || !where.test(label) || !this.#random.chance(this.#config.crash))
      return;
    const place = this.instances.findIndex((instance) => instance.process === process);
    if (place < 0) return;
    this.#history.count('crashes');
    this.#scheduler.note(`${process.name} dies after ${label}`);
    this.kill(place);
  }

  at(place: number): Instance {
    const instance = this.instances[place];
    if (!instance) throw new Error(`no instance ${place}`);
    return instance;
  }

  any(): Instance {
    return this.#random.pick(this.instances);
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    const { engine, work } = this.#config;
    this.#config = { ...CALM, engine, work };
    this.cache.faults = CALM.cache;
    this.store.faults = CALM.store;
    this.bus.faults = CALM.bus;
    this.blobs.faults = CALM.blobs;
    this.blobs.downUntil = 0;
    this.#scheduler.pauses = CALM.pauses;
    for (const node of this.cache.nodes) node.downUntil = 0;
    this.store.downUntil = 0;
    for (const { process, cache } of this.instances) {
      process.pausedUntil = 0;
      cache.cutUntil = 0;
    }
  }

  /** A request over the network: late, unanswered, or given up by its client, who then tells the server (or not). */
  call<T>(instance: Instance, request: Request<T>): Promise<Reply<T>> {
    const random = this.#random;
    const { latencyMs, answerLost, impatient } = this.#config.http;
    const patience = random.chance(impatient) ? random.int(500) : request.patienceMs;
    return new Promise((resolve) => {
      let giveUp: (() => void) | undefined;
      let ended = false;
      const end = (reply: Reply<T>) => {
        if (ended) return;
        ended = true;
        cancelPatience();
        resolve(reply);
      };
      const cancelPatience = this.#scheduler.schedule(patience, `${request.label} given up`, () => {
        const hangUp = giveUp;
        if (hangUp && random.chance(0.7)) this.#scheduler.schedule(random.int(latencyMs), 'hang up', hangUp, instance);
        end({ kind: 'lost' });
      });
      const answer = (reply: Reply<T>) => {
        if (!random.chance(answerLost))
          this.#scheduler.schedule(random.int(latencyMs), `${request.label} ended`, () => end(reply));
      };
      const arrive = () => {
        request
          .send(instance.engine, (call) => {
            giveUp = call;
          })
          .then(
            (value) => answer({ kind: 'answered', value }),
            (error: unknown) => answer({ kind: 'failed', error }),
          );
      };
      this.#scheduler.schedule(random.int(latencyMs), request.label, arrive, { process: instance.process });
    });
  }
}

function traceLog(scheduler: Scheduler, process: SimProcess): Log {
  const write = (level: string) => (fields: object, message: string) =>
    scheduler.note(`${process.name}: ${level} ${message} ${JSON.stringify(fields)}`);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function countingMetrics(history: History): Metrics {
  return { count: (name, by) => history.count(name, by), gauge: () => {}, observe: () => {} };
}
