import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../ports/log.ts';
import type { Config } from './config.ts';

/** What has to be running to be served. */
export type Servable = {
  readonly listener: RequestListener;
  readonly log: Log;
  readonly close: (drainMs: number) => Promise<void>;
};

export type Announce = (address: { readonly host: string; readonly port: number }) => void;

/** App Engine kills about 3 s after its signal: the drain leaves time to close. */
const DRAIN_MS = 2_000;
const HARD_STOP_MS = 2_400;
const HOLD_MS = 60_000;
const MAX_CONNECTIONS = 50_000;

/**
 * Times of the HTTP server, ms. A load balancer in front keeps its connections for 600 s and must never find one closed
 * that it is about to use; `requestTimeout` counts receiving only, so it does not cut a parked poll.
 */
const HTTP_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 620_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
} as const;

/**
 * Serves until SIGTERM, SIGINT or an error nobody caught; settles with the exit code. A second signal ends the process at
 * once.
 */
export async function runServer(config: Config, start: () => Promise<Servable>, announce?: Announce): Promise<number> {
  const signals = new Signals();
  // Before it listens and after, nothing else may hold the process: the timers of the parts, back-offs too, do not.
  const hold = setInterval(() => undefined, HOLD_MS);
  try {
    const servable = await start();
    const server = createServer(HTTP_OPTIONS, servable.listener);
    server.maxConnections = MAX_CONNECTIONS;
    try {
      const { port } = await listen(server, config.host, config.port);
      servable.log.info({ host: config.host, port }, 'listening');
      announce?.({ host: config.host, port });
    } catch (error) {
      await servable.close(0);
      throw error;
    }
    const end = await signals.ended;
    if (end.error === undefined) servable.log.info({ signal: end.signal }, 'stopping');
    else servable.log.error({ error: end.error }, 'an error that nobody caught: stopping');
    const clean = await stop(server, servable);
    return end.error === undefined && clean ? 0 : 1;
  } finally {
    clearInterval(hold);
    signals.off();
  }
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  server.listen(port, host);
  await once(server, 'listening'); // rejects on 'error'
  return server.address() as AddressInfo;
}

/** Stops accepting, has parked polls answered, closes the rest; never longer than `HARD_STOP_MS`. */
async function stop(server: Server, { log, close }: Servable): Promise<boolean> {
  const hardStop = setTimeout(() => {
    log.error({}, 'stopping took too long; what is not stored is in the ledger');
    process.exit(1);
  }, HARD_STOP_MS).unref();
  const closed = once(server, 'close');
  server.close();
  try {
    await close(DRAIN_MS);
    // Answers have been written; give them a moment on their way out.
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), 100);
    await closed;
    clearTimeout(timer);
    return true;
  } catch (error) {
    log.error({ error }, 'not everything could be closed');
    server.closeAllConnections();
    return false;
  } finally {
    clearTimeout(hardStop);
  }
}

type End = { readonly signal?: string; readonly error?: unknown };

/** The first reason to end; a later signal does not wait for anything. */
class Signals {
  readonly ended: Promise<End>;
  readonly off: () => void;

  constructor() {
    let end: (reason: End) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    let asked = false;
    const onSignal = (signal: string): void => {
      if (asked) process.exit(130);
      asked = true;
      end({ signal });
    };
    const onError = (error: unknown): void => end({ error });
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, onSignal);
    for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.on(name, onError);
    this.off = () => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, onSignal);
      for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.off(name, onError);
    };
  }
}
