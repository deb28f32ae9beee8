import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context, Runnable } from 'mocha';
import { createMemcachedCache } from '../../src/backends/cache/memcached.ts';
import { createDatastoreStore } from '../../src/backends/store/datastore.ts';
import { itemRowKey } from '../../src/model/keys.ts';
import { decodeRow, type Row } from '../../src/model/row.ts';
import type { Cache } from '../../src/ports/cache.ts';
import type { Store } from '../../src/ports/store.ts';
import { systemClock, systemRandom } from '../../src/server/system.ts';
import { type DatastoreEmulator, sharedDatastoreEmulator } from '../support/datastore-emulator.ts';
import { findMemcached, MEMCACHED_MISSING, type RunningMemcached, startMemcached } from '../support/memcached.ts';
import { skipFor } from '../support/need.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { call, eventually } from './calls.ts';
import { type Env, ServerProcess } from './server-process.ts';

export type ClusterOptions = {
  /** Keeps the data apart from those of other clusters on the same emulator. */
  readonly name: string;
  readonly servers: number;
  /** N, ms. */
  readonly persistMs?: number;
  /** For every server, beside what all clusters have. */
  readonly args?: readonly string[];
  readonly env?: Env;
};

const SECRET = 'p3wUCEAs0cSVXvOCb2iQf0Vd7G0GmIzK';

/**
 * Real servers on one memcached and one Datastore emulator. Cache and store can be looked into from here, past the servers. `stop` ends everything that was
 * started, by its process id.
 */
export class Cluster {
  readonly persistMs: number;
  readonly memcached: RunningMemcached;
  readonly emulator: DatastoreEmulator;
  /** As the servers have it. */
  readonly cache: Cache;
  readonly store: Store;
  readonly servers: ServerProcess[] = [];
  readonly #project: string;
  readonly #args: readonly string[];
  readonly #env: Env;
  readonly #folder: string;
  readonly #onStop: (() => Promise<void>)[] = [];

  private constructor(options: ClusterOptions, memcached: RunningMemcached, emulator: DatastoreEmulator) {
    this.persistMs = options.persistMs ?? 1_000;
    this.memcached = memcached;
    this.emulator = emulator;
    this.#project = `longshore-${options.name}`;
    this.#args = options.args ?? [];
    this.#env = options.env ?? {};
    this.#folder = mkdtempSync(join(tmpdir(), `longshore-${options.name}-`));
    const parts = { clock: systemClock, random: systemRandom, log: new RecordedLog() };
    this.cache = createMemcachedCache({ servers: [{ host: '127.0.0.1', port: memcached.port }], ...parts });
    this.store = createDatastoreStore({ projectId: this.#project, emulatorHost: emulator.host, ...parts });
  }

  /** Skips the test, or the suite of the hook, where memcached or the emulator is missing. */
  static async start(context: Context, options: ClusterOptions): Promise<Cluster> {
    if (findMemcached() === undefined) return skipFor(context, MEMCACHED_MISSING);
    const emulator = await sharedDatastoreEmulator();
    if ('missing' in emulator) return skipFor(context, emulator.missing);
    const cluster = new Cluster(options, await startMemcached(), emulator);
    try {
      await Promise.all(Array.from({ length: options.servers }, () => cluster.addServer()));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Another process. `memcachedPort`: with another list of caches than the others have. `port`: 0 for any. */
  async addServer(memcachedPort = this.memcached.port, port = 0): Promise<ServerProcess> {
    const name = `s${this.servers.length}`;
    const cache = `memcached://127.0.0.1:${memcachedPort}`;
    const args = ['--port', String(port), '--cache', cache, '--store', `datastore:${this.#project}`];
    const server = ServerProcess.launch(name, [...args, ...this.#args, '--data-dir', join(this.#folder, name)], {
      LONGSHORE_SECRET: SECRET,
      LONGSHORE_PERSIST_MS: String(this.persistMs),
      DATASTORE_EMULATOR_HOST: this.emulator.host,
      ...this.#env,
    });
    this.servers.push(server);
    await server.listening();
    return server;
  }

  get alive(): ServerProcess[] {
    return this.servers.filter((server) => !server.ended && server.url !== '');
  }

  /** Memcached and servers that were killed, again, each where it was. */
  async reviveAll(ports: readonly number[]): Promise<void> {
    await this.memcached.startAgain();
    await Promise.all(ports.map((port) => this.addServer(this.memcached.port, port)));
  }

  async killServers(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }

  /** Kills memcached and starts it again, empty, on the same port. */
  async restartMemcached(): Promise<void> {
    await this.memcached.kill();
    await this.memcached.startAgain();
  }

  async row(space: string, item: string): Promise<Row | undefined> {
    const [record] = await this.store.read([itemRowKey(space, item)]);
    return record && decodeRow(record);
  }

  /** Settles once the store has each item closed, in the version given. */
  async settled(space: string, versions: ReadonlyMap<string, number>): Promise<void> {
    await eventually(`all of ${space} is stored and closed`, async () => {
      const records = await this.store.read([...versions.keys()].map((item) => itemRowKey(space, item)));
      const rows = records.map((record) => record && decodeRow(record));
      return [...versions.values()].every((version, i) => rows[i]?.v === version && !rows[i]?.open) || undefined;
    });
  }

  /** Ends what a test left running. */
  onStop(end: () => Promise<void>): void {
    this.#onStop.push(end);
  }

  async stop(): Promise<void> {
    await this.killServers();
    const ends = await Promise.allSettled(this.#onStop.map((end) => end()));
    await this.cache.close();
    await this.store.close();
    await this.memcached.stop();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** To be called after each test: what the servers complained of, where it failed. */
  explain(test: Runnable | undefined): void {
    if (test?.isFailed() !== true) return;
    for (const server of this.servers) {
      for (const entry of server.troubles().slice(-15)) console.log(`      ${server.name}: ${JSON.stringify(entry)}`);
    }
  }
}

export async function isReady(server: ServerProcess): Promise<boolean> {
  return (await call(server, '/readyz'))?.status === 200;
}
