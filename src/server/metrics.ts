import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineStats } from '../core/engine-types.ts';
import type { GaugeName, MetricName, Metrics, TimingName } from '../ports/metrics.ts';

const COUNTERS: { readonly [name in MetricName]: string } = {
  updates_accepted: 'updates that made a new version',
  updates_repeated: 'repeated requests answered from memory',
  updates_refused: 'updates not accepted',
  update_turns: 'turns of the write loop; more than updates where writers race',
  locks_granted: 'leases on items that were granted',
  locks_renewed: 'leases on items that were renewed',
  places_reserved: 'places of texts that were reserved for a writer',
  reserved_refusals: 'updates refused for the sake of a reservation alone',
  cas_conflicts: 'compare-and-set writes lost to somebody else',
  late_post_checks: 'updates announced again because a reader had passed',
  index_appends: 'entries appended to the recent index',
  ledger_appends: 'entries appended to the ledger',
  compactions: 'shards rewritten',
  loads: 'items loaded from the store',
  rollbacks: 'items taken back to their stored version after the cache was lost',
  epochs_created: 'spaces whose cache records began anew',
  reads: 'reads of spaces, shared by all polls that asked the same',
  polls_claimed: 'writes that told other instances whose poll of a client is the newest',
  resyncs: 'answers that made the client begin again',
  answers_given_again: 'large answers given again as they were, to the same question',
  store_scans: 'reads that had to go to the store',
  store_writes: 'records written to the store',
  store_failures: 'store calls that failed',
  flush_poison: 'items the store refuses',
  swept_items: 'items stored for instances that left',
  swept_resources: 'resources deleted because no item named them any more',
  moved_segments: 'records of archived operations moved to the blobs',
  segment_failures: 'times that a record of archived operations could not be moved, and is tried again',
  pictures_stored: 'pictures written to the blobs',
  pictures_thinned: 'stored versions of pictures deleted, as later ones of the same hour or day are kept',
  picture_failures: 'times that a picture was not drawn or stored, and is tried again',
  resources_cut: 'answers with a resource that were cut because their client took nothing',
  clients_joined: 'joins',
  clients_lapsed: 'clients taken out because their lease had ended',
  clients_put_back: 'clients put back into a list that was lost',
  spaces_emptied: 'spaces tidied after everybody had left',
  pruned_items: 'old tombstones forgotten',
  rate_limited: 'requests that were refused because their caller had used up a budget',
  clock_behind_floor: 'times this clock was behind what readers had published',
  stream_answers: 'answers sent over event streams and sockets',
  streams_resynced: 'times a stream waited for a slow client and left states out',
  streams_cut: 'streams cut because their client took nothing or gave no sign of life',
};

const GAUGES: { readonly [name in GaugeName]: string } = {
  parked_polls: 'polls that wait',
  clients_heard: 'clients whose polls come here',
  dirty_items: 'items newer here than in the store',
  oldest_dirty_ms: 'age of the oldest change that is not stored',
  watched_spaces: 'spaces with parked polls',
  unwritten_pictures: 'pictures that were drawn on here and are not stored as they are',
  oldest_unwritten_picture_ms: 'age of the oldest of these changes',
  event_streams: 'event streams that are open',
  sockets: 'WebSockets that are open',
};

const TIMINGS: { readonly [name in TimingName]: string } = {
  durability_lag_ms: 'from an accepted update until it is stored',
  post_ms: 'PostUpdate, from request to answer',
  read_ms: 'one read of a space',
  wake_to_answer_ms: 'from a wake-up until the poll is answered',
};

const BUCKETS_MS = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

export type ProcessMetrics = {
  readonly metrics: Metrics;
  readonly page: () => Promise<{ readonly contentType: string; readonly text: string }>;
};

/** Counters of the core and of the process, with a registry of their own. */
export type MetricsOptions = {
  readonly processMetrics: boolean;
  /** Round trips to the cache so far: read when somebody asks, so that a trip costs no more for it. */
  readonly cacheTrips?: (() => number) | undefined;
};

export function createMetrics(options: MetricsOptions): ProcessMetrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const { cacheTrips } = options;
  if (cacheTrips) {
    new Counter({
      ...{ name: 'longshore_cache_trips_total', help: 'round trips to the servers of the cache', registers },
      collect() {
        this.reset();
        this.inc(cacheTrips());
      },
    });
  }
  const counters = make(COUNTERS, (name, help) => new Counter({ name: `longshore_${name}_total`, help, registers }));
  const gauges = make(GAUGES, (name, help) => new Gauge({ name: `longshore_${name}`, help, registers }));
  const timings = make(
    TIMINGS,
    (name, help) => new Histogram({ name: `longshore_${name}`, help, registers, buckets: BUCKETS_MS }),
  );
  return {
    metrics: {
      count: (name, by = 1) => counters[name].inc(by),
      gauge: (name, value) => gauges[name].set(value),
      observe: (name, milliseconds) => timings[name].observe(milliseconds),
    },
    page: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Before the page is made, so that it tells how things are now: a lag of a moment ago says nothing of one that grows. */
export function showStats(stats: EngineStats, metrics: Metrics): void {
  metrics.gauge('parked_polls', stats.parkedPolls);
  metrics.gauge('dirty_items', stats.dirtyItems);
  metrics.gauge('oldest_dirty_ms', stats.oldestDirtyMs);
  metrics.gauge('watched_spaces', stats.watchedSpaces);
}

function make<Name extends string, Meter>(
  names: { readonly [name in Name]: string },
  create: (name: Name, help: string) => Meter,
): { readonly [name in Name]: Meter } {
  const entries = Object.entries<string>(names).map(([name, help]) => [name, create(name as Name, help)]);
  return Object.fromEntries(entries) as { [name in Name]: Meter };
}
