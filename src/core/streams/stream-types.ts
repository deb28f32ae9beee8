import type { LogOutcome, LogRefusal } from '../../kinds/log/request.ts';
import type { LogConfig, Producer } from '../../kinds/log/state.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log as Logger } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { Store } from '../../ports/store.ts';
import type { Offset } from '../../protocol/streams.ts';
import type { Engine } from '../engine-types.ts';
import type { Body } from './contents.ts';
import type { Log } from './read-stream.ts';
import type { StreamPlace } from './stream-path.ts';

export type WantedFork = {
  readonly source: StreamPlace;
  /** Absent: all that the source has. */
  readonly offset?: Offset | undefined;
  /** So many bytes, or messages of JSON, after the offset belong to the fork as well. */
  readonly sub: number;
};

export type StreamParts = {
  readonly engine: Pick<Engine, 'update' | 'readStanding' | 'readOps' | 'poll'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long a long-poll waits, ms. */
  readonly waitMs: number;
};

export type Wanted = {
  readonly config: Omit<LogConfig, 'fork' | 'pending' | 'type'> & { readonly type?: string | undefined };
  readonly fork?: WantedFork;
  readonly closed: boolean;
  /** What it begins with, once its type is known. */
  readonly body?: (type: string) => Body;
};

export type Append = {
  readonly body?: (type: string) => Body;
  readonly type?: string | undefined;
  readonly close: boolean;
  readonly producer?: Producer | undefined;
  readonly seq?: string | undefined;
};

export type Outcome = LogOutcome | LogRefusal;
/** What became of an append, and the log after it. */
export type Appended = { readonly outcome: Outcome; readonly log: Log };
