import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import type { Sockets } from '../api/socket.ts';
import type { Log } from '../ports/log.ts';
import type { Config } from './config.ts';
import { createHttpServer, listen } from './http-server.ts';

/** What has to be running to be served. */
export type Servable = {
  readonly listener: RequestListener;
  /** The routes of operators, for a port of their own. */
  readonly internal: RequestListener;
  readonly sockets: Pick<Sockets, 'wants' | 'upgrade'>;
  readonly log: Log;
  readonly close: (drainMs: number) => Promise<void>;
};

export type Address = { readonly host: string; readonly port: number; readonly internalPort?: number };
export type Announce = (address: Address) => void;

/** App Engine kills about 3 s after its signal: the drain leaves time to close. */
const DRAIN_MS = 2_000;
const HARD_STOP_MS = 2_400;
/** Before anything is served there is nothing to bring to an end. */
const UNBEGUN_STOP_MS = 500;
const HOLD_MS = 60_000;

/**
 * Serves until SIGTERM, SIGINT or an error nobody caught; settles with the exit code. A second signal ends the process at
 * once.
 */
export async function runServer(
  config: Config,
  start: (stopping: AbortSignal) => Promise<Servable>,
  announce?: Announce,
): Promise<number> {
  const signals = new Signals();
  // Before it listens and after, nothing else may hold the process: the timers of the parts, back-offs too, do not.
  const hold = setInterval(() => undefined, HOLD_MS);
  try {
    const starting = start(signals.told);
    const servable = await Promise.race([starting, signals.ended.then(() => undefined)]);
    if (servable === undefined) return await giveUp(starting, await signals.ended);
    const servers = await open(config, servable, announce);
    const end = await signals.ended;
    if (end.error === undefined) servable.log.info({ signal: end.signal }, 'stopping');
    else servable.log.error({ error: end.error }, 'an error that nobody caught: stopping');
    const clean = await stop(servers, servable);
    return end.error === undefined && clean ? 0 : 1;
  } finally {
    clearInterval(hold);
    signals.off();
  }
}

/** Told to end before there was anything to serve. What a backend that does not answer keeps from closing is left. */
async function giveUp(starting: Promise<Servable>, end: End): Promise<number> {
  const closed = starting.then(({ close }) => close(0)).catch(() => undefined);
  let hardStop: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    hardStop = setTimeout(resolve, UNBEGUN_STOP_MS);
  });
  await Promise.race([closed, late]);
  clearTimeout(hardStop);
  if (end.error !== undefined) throw end.error;
  return 0;
}

/** Listens on the port, and on that for operators where there is one. */
async function open(config: Config, servable: Servable, announce?: Announce): Promise<Server[]> {
  const { host, port: wanted, internalPort } = config;
  const servers: Server[] = [];
  const start = async (listener: RequestListener, port: number, sockets?: Servable['sockets']): Promise<number> => {
    const server = createHttpServer(listener, {}, sockets);
    servers.push(server);
    return (await listen(server, host, port)).port;
  };
  try {
    const internal = internalPort === undefined ? {} : { internalPort: await start(servable.internal, internalPort) };
    const address: Address = { host, port: await start(servable.listener, wanted, servable.sockets), ...internal };
    servable.log.info(address, 'listening');
    announce?.(address);
    return servers;
  } catch (error) {
    for (const server of servers) server.close();
    await servable.close(0);
    throw error;
  }
}

/** Stops accepting, has parked polls answered, closes the rest; never longer than `HARD_STOP_MS`. */
async function stop(servers: readonly Server[], { log, close }: Servable): Promise<boolean> {
  const hardStop = setTimeout(() => {
    log.error({}, 'stopping took too long; what is not stored is in the ledger');
    process.exit(1);
  }, HARD_STOP_MS).unref();
  const closed = Promise.all(servers.map((server) => once(server, 'close')));
  for (const server of servers) server.close();
  const cut = () => servers.forEach((server) => void server.closeAllConnections());
  try {
    await close(DRAIN_MS);
    // Answers have been written; give them a moment on their way out.
    for (const server of servers) server.closeIdleConnections();
    const timer = setTimeout(cut, 100);
    await closed;
    clearTimeout(timer);
    return true;
  } catch (error) {
    log.error({ error }, 'not everything could be closed');
    cut();
    return false;
  } finally {
    clearTimeout(hardStop);
  }
}

type End = { readonly signal?: string; readonly error?: unknown };

/** The first reason to end; a later signal does not wait for anything. */
class Signals {
  readonly ended: Promise<End>;
  /** Aborted together with it. */
  readonly told: AbortSignal;
  readonly off: () => void;

  constructor() {
    const told = new AbortController();
    this.told = told.signal;
    let end: (reason: End) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      end = (reason) => {
        told.abort(new Error('told to stop'));
        resolve(reason);
      };
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
