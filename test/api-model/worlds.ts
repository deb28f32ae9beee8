import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CheckedAccess } from '../../src/auth/access.ts';
import { Identities } from '../../src/auth/identities.ts';
import { makeApiKey } from '../../src/auth/mint.ts';
import { HeldPolicies } from '../../src/auth/policies.ts';
import { createInProcessHub } from '../../src/backends/bus/in-process.ts';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { createSqliteStore } from '../../src/backends/store/sqlite.ts';
import { createEngine } from '../../src/core/engine.ts';
import { DEFAULT_ENGINE_CONFIG, type Engine } from '../../src/core/engine-types.ts';
import { HeldSettings } from '../../src/core/spaces/held-settings.ts';
import { SharedSettings } from '../../src/core/spaces/shared-settings.ts';
import { createSpaceAdmin } from '../../src/core/spaces/space-admin.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { compose } from '../../src/server/compose.ts';
import { parseConfig } from '../../src/server/config.ts';
import { createSpacePolicies } from '../../src/server/space-policies.ts';
import { type Answered, makeApp, type Sent, sendTo } from '../api/fixture.ts';
import { Seeded } from '../simulation/seeded.ts';
import { grantsOf } from '../support/callers.ts';
import { FakeClock, realClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { BRINGS, type People, type Person, WHO, type Who } from './people.ts';

/** Servers that share a cache and a store, and how time goes for them. */
export type ApiWorld = {
  readonly people: People;
  readonly instances: number;
  /** Absent: time passes by itself. */
  readonly clock: FakeClock | undefined;
  readonly now: () => number;
  /** One request; where time does not pass by itself it is moved on as far as the answer needs. */
  send(on: number, sent: Sent): Promise<Answered>;
  /** One that may be given up, and waits for its answer without moving the time. */
  begin(on: number, sent: Sent): Promise<Answered>;
  parked(on: number): number;
  close(): Promise<void>;
};

/** Patterns are beginnings of names: each run has a space of its own. */
export const SPACES = 'model-';

export function makePeople(): People {
  const person = (who: Who): Person => ({ ...makeApiKey(), brings: BRINGS[who] });
  return Object.fromEntries(WHO.map((who) => [who, person(who)])) as People;
}

function grantsFor(brings: string): Record<string, string> {
  return brings === '' ? {} : { [`${SPACES}*`]: brings };
}

async function listenOn(listeners: readonly RequestListener[]): Promise<{ servers: Server[]; ports: number[] }> {
  const servers = listeners.map((listener) => createServer(listener));
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  return { servers, ports };
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** Real time that a request is given before the clock is moved for it, ms. */
const NUDGE_AFTER_MS = 8;
const NUDGE_MS = 20;

/** Settles with the promise; time passes where it has to. */
async function nudged<T>(clock: FakeClock, answer: Promise<T>): Promise<T> {
  let settled = false;
  const watched = answer.finally(() => {
    settled = true;
  });
  watched.catch(() => undefined);
  let at = performance.now() + NUDGE_AFTER_MS;
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(0); // what is due at once
    if (performance.now() < at) continue;
    clock.advance(NUDGE_MS);
    at = performance.now() + 2;
  }
  return watched;
}

/** The whole HTTP side with a real engine behind it, in this process, on embedded backends. With several instances they share both, as if those were outside. */
export async function embeddedWorld(options: { instances: number; store: 'memory' | 'sqlite' }): Promise<ApiWorld> {
  const clock = new FakeClock();
  const cache = createMemoryCache({ clock });
  const store = options.store === 'memory' ? createMemoryStore() : createSqliteStore({ path: ':memory:' });
  const hub = createInProcessHub();
  const people = makePeople();
  const entries = WHO.map((name) => {
    const { sha256, brings } = people[name];
    return { name, sha256: Buffer.from(sha256, 'hex'), spaces: grantsOf(grantsFor(brings)) };
  });
  const engines: Engine[] = [];
  const listeners = Array.from({ length: options.instances }, (_, n) => {
    const log = new RecordedLog();
    const random = new Seeded(n + 1);
    const shared = options.instances > 1 ? new SharedSettings({ cache, store }) : undefined;
    const settings = new HeldSettings({ store, clock, log, shared });
    const policies = new HeldPolicies(createSpacePolicies(store), clock);
    const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
    const config = {
      ...DEFAULT_ENGINE_CONFIG,
      secrets: ['the-secret-of-the-model'],
      durableAlways: options.instances === 1,
    };
    const engine = createEngine({
      cache,
      store,
      bus: hub.bus(),
      clock,
      random,
      log,
      metrics,
      kinds: KINDS,
      settings,
      config,
    });
    engines.push(engine);
    const changed = (space: SpaceId): void => {
      settings.forget(space);
      policies.forget(space);
    };
    const changing = <T>(space: string, write: () => Promise<T>) => settings.changing(space, write);
    const spaces = createSpaceAdmin({
      store,
      clock,
      kinds: KINDS,
      engine,
      persistMs: config.persistMs,
      changed,
      changing,
    });
    const access = new CheckedAccess(new Identities({ clock, log, keys: entries }), policies, clock);
    return makeApp({ engine, spaces, access, clock, log }).listener;
  });
  const { servers, ports } = await listenOn(listeners);
  return {
    people,
    instances: options.instances,
    clock,
    now: () => clock.now(),
    send: (on, sent) => nudged(clock, sendTo(ports[on] ?? 0, sent)),
    begin: (on, sent) => sendTo(ports[on] ?? 0, sent),
    parked: (on) => engines[on]?.stats().parkedPolls ?? 0,
    close: async () => {
      for (const engine of engines) await nudged(clock, engine.stop(0));
      await closeAll(servers);
      await cache.close();
      await store.close();
    },
  };
}

/** Servers as the command line composes them, in this process, over a real memcached and the emulator of Datastore. */
export async function outsideWorld(backends: {
  memcachedPort: number;
  emulatorHost: string;
  folders: readonly string[];
}): Promise<ApiWorld> {
  const people = makePeople();
  const keys = WHO.map((name) => ({ name, sha256: people[name].sha256, spaces: grantsFor(people[name].brings) }));
  const composed = await Promise.all(
    backends.folders.map((folder) => {
      const outcome = parseConfig({
        LONGSHORE_DATA_DIR: folder,
        LONGSHORE_CACHE: `memcached://127.0.0.1:${backends.memcachedPort}`,
        LONGSHORE_STORE: 'datastore:longshore-api-model',
        DATASTORE_EMULATOR_HOST: backends.emulatorHost,
        LONGSHORE_SECRET: 'p3wUCEAs0cSVXvOCb2iQf0Vd7G0GmIzK',
        LONGSHORE_PERSIST_MS: '1000',
        LONGSHORE_LIMITS: 'off',
        LONGSHORE_AUTH: 'key',
        LONGSHORE_API_KEYS: JSON.stringify(keys),
      });
      if (!outcome.ok) throw new Error(outcome.problems.join('\n'));
      return compose(outcome.config, new RecordedLog());
    }),
  );
  const { servers, ports } = await listenOn(composed.map(({ listener }) => listener));
  const send = (on: number, sent: Sent) => sendTo(ports[on] ?? 0, sent);
  return {
    people,
    instances: composed.length,
    clock: undefined,
    now: () => realClock.now(),
    send,
    begin: send,
    parked: (on) => composed[on]?.engine.stats().parkedPolls ?? 0,
    close: async () => {
      for (const each of composed) await each.close(0);
      await closeAll(servers);
    },
  };
}
