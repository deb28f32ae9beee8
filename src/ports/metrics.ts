/** Named counters and gauges of the core; the HTTP side renders them for Prometheus. Labels are few and bounded. */
export interface Metrics {
  count(name: MetricName, by?: number): void;
  gauge(name: GaugeName, value: number): void;
  observe(name: TimingName, milliseconds: number): void;
}

export type MetricName =
  | 'updates_accepted'
  | 'updates_repeated'
  | 'updates_refused'
  | 'update_turns'
  | 'locks_granted'
  | 'locks_renewed'
  | 'places_reserved'
  | 'reserved_refusals'
  | 'cas_conflicts'
  | 'late_post_checks'
  | 'index_appends'
  | 'ledger_appends'
  | 'compactions'
  | 'loads'
  | 'rollbacks'
  | 'epochs_created'
  | 'reads'
  | 'resyncs'
  | 'answers_given_again'
  | 'polls_claimed'
  | 'store_scans'
  | 'store_writes'
  | 'store_failures'
  | 'flush_poison'
  | 'swept_items'
  | 'swept_resources'
  | 'moved_segments'
  | 'segment_failures'
  | 'resources_cut'
  | 'pictures_stored'
  | 'pictures_thinned'
  | 'picture_failures'
  | 'pruned_items'
  | 'rate_limited'
  | 'clients_joined'
  | 'clients_lapsed'
  | 'clients_put_back'
  | 'spaces_emptied'
  | 'clock_behind_floor'
  | 'stream_answers'
  | 'streams_resynced'
  | 'streams_cut';

export type GaugeName =
  | 'parked_polls'
  | 'clients_heard'
  | 'dirty_items'
  | 'oldest_dirty_ms'
  | 'watched_spaces'
  | 'unwritten_pictures'
  | 'oldest_unwritten_picture_ms'
  | 'event_streams'
  | 'sockets';

export type TimingName = 'durability_lag_ms' | 'post_ms' | 'read_ms' | 'wake_to_answer_ms';
