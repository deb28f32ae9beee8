import type { Access } from '../auth/access.ts';
import type { Tickets } from '../auth/tickets.ts';
import type { Engine } from '../core/engine-types.ts';
import type { Limits } from '../core/limits/limits.ts';
import type { Recurring } from '../core/recurring.ts';
import type { Resources } from '../core/resources/resources.ts';
import type { Uploads } from '../core/resources/uploads.ts';
import type { SpaceAdmin } from '../core/spaces/space-admin.ts';
import type { Streams } from '../core/streams/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { Problem } from '../protocol/errors.ts';

/** What the HTTP side stands on. */
export type AppDeps = {
  readonly engine: Engine;
  /** Who may do what in which space. */
  readonly access: Access;
  readonly tickets: Pick<Tickets, 'issue' | 'redeem'>;
  readonly spaces: SpaceAdmin;
  readonly limits: Limits;
  readonly resources: Resources;
  readonly uploads: Uploads;
  readonly streams: Streams;
  /** What is swept besides the items, clients and spaces. Each tells how many it ended. */
  readonly sweeps: Readonly<Record<'resources' | 'streams', Pick<Recurring<number>, 'run'>>>;
  /** Proxies of ours before this server, each of which adds a name to `X-Forwarded-For`. */
  readonly proxyHops: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Tells the request ids of this process from those of others; of the form of an id. */
  readonly instance: string;
  /** Web origins that may call across origins, compared exactly. */
  readonly allowedOrigins: readonly string[];
  /** Who may call what is for operators only; `elsewhere`: nobody here, `everybody`: whoever reaches this port. */
  readonly internal: InternalAccess | 'elsewhere' | 'everybody';
  /** Each dependency with its state. Never rejects. */
  readonly ready: () => Promise<ReadyReport>;
  /** Why this instance must not serve just now; asked before each call of the API and before a parked poll is answered. */
  readonly refusal: () => Problem | undefined;
  /** Whether the pages and their modules are served. */
  readonly pages: boolean;
  /** A folder of the operator's own pages. */
  readonly site?: string;
  /** Where streams are counted. */
  readonly meter: Metrics;
  /** What Prometheus reads. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
};

/** Each of them opens the routes of operators by itself. */
export type InternalAccess = {
  /** To this machine itself: only where nobody is asked who they are, and nobody else reaches the server. */
  readonly locally: boolean;
  /** App Engine takes `X-Appengine-*` out of requests from outside; nothing else does. */
  readonly onAppEngine: boolean;
  /** Sent as `Longshore-Internal`. */
  readonly secret?: string;
  /** A service account that shows a token. */
  readonly isServiceAccount?: (rawHeaders: readonly string[]) => Promise<boolean>;
};

export type DependencyState = { readonly state: 'ok' | 'failed'; readonly detail?: string };

export type ReadyReport = {
  readonly ready: boolean;
  readonly dependencies: { readonly [name: string]: DependencyState };
};
