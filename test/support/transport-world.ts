import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createApp } from '../../src/api/create-app.ts';
import { createSockets, type Sockets } from '../../src/api/socket.ts';
import { type Access, OPEN_ACCESS } from '../../src/auth/access.ts';
import type { Tickets } from '../../src/auth/tickets.ts';
import { createInProcessHub } from '../../src/backends/bus/in-process.ts';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { createEngine } from '../../src/core/engine.ts';
import { DEFAULT_ENGINE_CONFIG, type Engine, type EngineConfig } from '../../src/core/engine-types.ts';
import { DEFAULT_SETTINGS, type SpaceSettings } from '../../src/core/people-types.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import type { Metrics } from '../../src/ports/metrics.ts';
import type { Store } from '../../src/ports/store.ts';
import { type Problem, ProblemError } from '../../src/protocol/errors.ts';
import type { Update, UpdateResult } from '../../src/protocol/post-update.ts';
import { createHttpServer, listen } from '../../src/server/http-server.ts';
import { systemClock, systemRandom } from '../../src/server/system.ts';
import { makeApp, ORIGIN } from '../api/fixture.ts';
import { callerOf, makeTickets, spaceId } from './callers.ts';
import { ProbedCache, ProbedStore } from './probed-backends.ts';
import { RecordedLog } from './recorded-log.ts';

export const SPACE = spaceId('board');

/** A whole server in this process, its backends in memory, on a real port. Rights can be taken back. */
export class TransportWorld {
  readonly engine: Engine;
  readonly tickets: Tickets = makeTickets();
  readonly log = new RecordedLog();
  readonly counts = new Map<string, number>();
  readonly sockets: Sockets;
  /** Connections that are open, as the server sees them. */
  readonly connections = new Set<Socket>();
  denied: Problem | undefined;
  /** Of all spaces. */
  settings: SpaceSettings = DEFAULT_SETTINGS;
  readonly #cache = createMemoryCache({ clock: systemClock });
  readonly #probed = new ProbedCache(this.#cache, new Set());
  readonly #store: ProbedStore;
  readonly #server: Server;

  /** Over what an earlier one has left in the store. */
  constructor(store: Store = createMemoryStore(), config: Partial<EngineConfig> = {}) {
    this.#store = new ProbedStore(store);
    const common = { clock: systemClock, random: systemRandom, log: this.log };
    this.engine = createEngine({
      ...common,
      cache: this.#probed,
      store: this.#store,
      bus: createInProcessHub().bus(),
      metrics: countInto(this.counts),
      kinds: KINDS,
      settings: { known: () => this.settings, load: async () => this.settings },
      config: { ...DEFAULT_ENGINE_CONFIG, secrets: ['one'], ...config },
    });
    const deps = {
      ...makeApp().deps,
      ...common,
      engine: this.engine,
      instance: 'test',
      allowedOrigins: [ORIGIN],
      access: { ...OPEN_ACCESS, review: () => this.denied } satisfies Access,
      tickets: this.tickets,
      internal: { locally: true, onAppEngine: false },
      ready: async () => ({ ready: true, dependencies: {} }),
      refusal: () => undefined,
      meter: countInto(this.counts),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    };
    this.sockets = createSockets(deps);
    this.#server = createHttpServer(createApp(deps), {}, this.sockets);
    this.#server.on('connection', (socket: Socket) => {
      this.connections.add(socket);
      socket.once('close', () => this.connections.delete(socket));
    });
  }

  async start(port = 0): Promise<void> {
    await listen(this.#server, '127.0.0.1', port);
  }

  /** As `kill -9`, and the cache with it: nothing that it has begun goes on. Stop it all the same. */
  async kill(): Promise<void> {
    this.#probed.dead = this.#store.dead = true;
    await this.#close();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async post(item: string, value: unknown, more: Partial<Update> = {}): Promise<UpdateResult & { result: 'ok' }> {
    const result = await this.engine.update(SPACE, { item, op: { set: value }, ...more }, { subject: 'writer' });
    if (result.result !== 'ok') throw new Error(`not accepted: ${JSON.stringify(result)}`);
    return result;
  }

  async remove(item: string): Promise<void> {
    await this.engine.update(SPACE, { item, op: { delete: true } }, { subject: 'writer' });
  }

  ticket(): string {
    const caller = callerOf('ann', { board: 'r' });
    return this.tickets.issue(SPACE, caller, { brought: caller.grants[0]?.rights ?? 0, all: caller.cap }).ticket;
  }

  revoke(): void {
    this.denied = new ProblemError('notFound', 'there is no space board').problem;
  }

  restartCache(): void {
    this.#cache.clear();
  }

  /** Bytes that wait in this process on their way to clients. */
  get waitingBytes(): number {
    return [...this.connections].reduce((sum, socket) => sum + socket.writableLength, 0);
  }

  get parked(): number {
    return this.engine.stats().parkedPolls;
  }

  async stop(): Promise<void> {
    this.sockets.depart();
    await this.engine.stop(500);
    await this.sockets.close();
    if (this.#server.listening) await this.#close();
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.connections) socket.destroy();
    await closed;
  }
}

function countInto(counts: Map<string, number>): Metrics {
  return {
    count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    gauge: (name, value) => void counts.set(name, value),
    observe: () => undefined,
  };
}

const LOOK_MS = 5;

/** Looks again as long as it is not so; the test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(LOOK_MS);
}
