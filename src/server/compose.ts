import type { RequestListener } from 'node:http';
import { createApp, createInternalApp } from '../api/create-app.ts';
import { createSockets, type Sockets } from '../api/socket.ts';
import type { Tickets } from '../auth/tickets.ts';
import { createCachedCounts } from '../backends/counts/cached-counts.ts';
import { createImages } from '../backends/images/sharp.ts';
import { createEngine } from '../core/engine.ts';
import { DEFAULT_ENGINE_CONFIG, type Engine, type EngineConfig } from '../core/engine-types.ts';
import { refusalAges } from '../core/flush-policy.ts';
import { Limits } from '../core/limits/limits.ts';
import { WINDOW_MS } from '../core/limits/limits-config.ts';
import { PictureFiles } from '../core/pictures/picture-files.ts';
import { ResourceSweeper } from '../core/resources/resource-sweeper.ts';
import { Resources } from '../core/resources/resources.ts';
import { Uploads } from '../core/resources/uploads.ts';
import { HeldSettings } from '../core/spaces/held-settings.ts';
import { SharedSettings } from '../core/spaces/shared-settings.ts';
import { createSpaceAdmin } from '../core/spaces/space-admin.ts';
import { Streams } from '../core/streams/streams.ts';
import { KINDS } from '../kinds/registry.ts';
import type { Log } from '../ports/log.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { archiveOf } from './archive.ts';
import { openBlobs, openBus, openCache, openStore, type SystemParts } from './backends.ts';
import { Closers } from './closers.ts';
import { Comparer } from './comparer.ts';
import { composeAuth } from './compose-auth.ts';
import { Contents, composePainting } from './compose-pictures.ts';
import { type Config, describeConfig } from './config.ts';
import { identify } from './identify.ts';
import { createLog } from './log.ts';
import { createMetrics, showStats } from './metrics.ts';
import { Owner } from './owner.ts';
import { createReadiness, NotUsable } from './readiness.ts';
import { type Announce, runServer } from './run.ts';
import { keepSecret } from './secret-file.ts';
import { systemClock, systemRandom } from './system.ts';

/** A server put together, not yet listening. */
export type Composed = {
  readonly listener: RequestListener;
  readonly internal: RequestListener;
  readonly tickets: Tickets;
  readonly sockets: Sockets;
  readonly engine: Engine;
  readonly log: Log;
  /** Answers parked polls, stores what it can within `drainMs`, then lets go of everything, in reverse order. */
  readonly close: (drainMs: number) => Promise<void>;
};

/**
 * Opens the backends and puts the parts together. What was opened is closed again when a later part fails, and when told to
 * stop before all of them stand.
 */
export async function compose(
  config: Config,
  log: Log = createLog(config.logLevel),
  stopping?: AbortSignal,
): Promise<Composed> {
  const closers = new Closers();
  try {
    return await composeParts(config, { clock: systemClock, random: systemRandom, log }, closers, stopping);
  } catch (error) {
    await closers.closeAll().catch((cause) => log.error({ error: cause }, 'closing after a failed start failed too'));
    throw error;
  }
}

/** Composes, listens, and serves until a signal. Settles with the exit code. */
export function serve(config: Config, announce?: Announce): Promise<number> {
  return runServer(config, (stopping) => compose(config, undefined, stopping), announce);
}

async function composeParts(
  config: Config,
  parts: SystemParts,
  closers: Closers,
  stopping: AbortSignal | undefined,
): Promise<Composed> {
  const { clock, random, log } = parts;
  log.info(describeConfig(config), 'starting');
  const secrets = config.secrets.length > 0 ? config.secrets : [await keepSecret(config.dataDir)];
  const store = await openStore(config, parts);
  closers.add('the store', () => store.close());
  const cache = openCache(config, parts);
  closers.add('the cache', () => cache.close());
  const blobs = await openBlobs(config, parts);
  closers.add('the blobs', () => blobs.close());
  const bus = await openBus(config, cache, parts);
  closers.add('the bus', () => bus.close());
  const owner = new Owner({ store, clock, log, ...identify(config, random.id()) });
  closers.add('the ownership of the store', () => owner.stop());
  await owner.start(stopping);

  const { metrics, page } = createMetrics({
    processMetrics: true,
    cacheTrips: cache.trips === undefined ? undefined : () => cache.trips ?? 0,
  });
  const engineConfig = engineConfigOf(config, secrets);
  // A cache in this process is nobody else's.
  const shared = config.cache.backend === 'memory' ? undefined : new SharedSettings({ cache, store });
  const settings = new HeldSettings({ store, clock, log, shared });
  const images = createImages();
  const { spaceBytes } = config.limits;
  const resourceParts = { store, blobs, images, settings, clock, random, log, metrics, spaceBytes };
  const resources = new Resources(resourceParts);
  const uploads = new Uploads(resourceParts, resources);
  const sweeper = new ResourceSweeper(resourceParts);
  closers.add('the sweep of resources', () => sweeper.sweeps.stop());
  const { painting, close: closePainting } = composePainting({ blobs, resources, clock });
  closers.add('the painters', closePainting);
  const contents = new Contents(sweeper, new PictureFiles(blobs), clock);
  const archive = archiveOf(config, blobs);
  const comparer = new Comparer();
  closers.add('the comparing of texts', () => comparer.close());
  const basis = { cache, store, bus, clock, random, log, metrics, kinds: KINDS, compare: comparer.compare };
  const engine = createEngine({ ...basis, settings, contents, painting, archive, config: engineConfig });
  const streams = new Streams({ engine, store, clock, random, log, waitMs: config.streamWaitMs });
  let drainMs = 0;
  let sockets: Sockets | undefined;
  closers.add('the sockets', async () => sockets?.close());
  closers.add('the engine', () => engine.stop(drainMs));
  const ready = createReadiness(
    {
      cache: () => cache.ping(),
      store: () => store.ping(),
      blobs: () => blobs.ping(),
      owner: async () => {
        const problem = owner.refusal();
        if (problem !== undefined) throw new NotUsable(problem.detail);
      },
    },
    clock,
  );
  const { policies, ...auth } = composeAuth(config, parts, { cache, store, secrets });
  const changed = (space: SpaceId) => {
    settings.forget(space);
    policies.forget(space);
  };
  const spaces = createSpaceAdmin({
    store,
    clock,
    kinds: KINDS,
    engine,
    contents,
    persistMs: config.persistMs,
    changed,
    changing: (space, write) => settings.changing(space, write),
  });
  const metricsPage = () => {
    showStats(engine.stats(), metrics);
    return page();
  };
  const counts = createCachedCounts({ cache, clock, windowMs: WINDOW_MS });
  const limits = new Limits({ clock, random, counts, metrics, config: config.limits });
  const deps = {
    ...auth,
    engine,
    spaces,
    limits,
    resources,
    uploads,
    streams,
    sweeps: { resources: sweeper.sweeps, streams: streams.sweeps },
    proxyHops: config.proxyHops,
    log,
    instance: random.id(),
    allowedOrigins: config.allowedOrigins,
    pages: config.pages,
    ...(config.site === undefined ? {} : { site: config.site }),
    ready,
    refusal: () => owner.refusal(),
    meter: metrics,
    metrics: metricsPage,
    clock,
    random,
  };
  sockets = createSockets(deps);
  sweeper.sweeps.start();
  streams.sweeps.start();
  closers.add('the sweep of streams', () => streams.sweeps.stop());
  // They are told before the engine stops, so that what they have sent is still answered by it.
  closers.add('the parting of the sockets', async () => sockets.depart());
  const close = (ms: number): Promise<void> => {
    drainMs = ms;
    return closers.closeAll();
  };
  return {
    listener: createApp(deps),
    internal: createInternalApp(deps),
    tickets: auth.tickets,
    sockets,
    engine,
    log,
    close,
  };
}

function engineConfigOf(config: Config, secrets: readonly string[]): EngineConfig {
  const { persistMs, pictureAllMs, pictureHourlyMs, indexShards, cache } = config;
  // A cache in this process dies with it: nothing is acknowledged before it is stored.
  const sweepMs = 2 * persistMs;
  return {
    ...DEFAULT_ENGINE_CONFIG,
    secrets,
    persistMs,
    ...refusalAges(persistMs),
    sweepMs,
    pictureAllMs,
    pictureHourlyMs,
    indexShards,
    maxParkedPolls: config.limits.parked,
    maxColdReads: config.limits.reads,
    maxResyncs: config.limits.resyncs,
    durableAlways: cache.backend === 'memory',
  };
}
