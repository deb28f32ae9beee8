import type { Clock } from '../../ports/clock.ts';
import { DEADLINE_EXCEEDED, messageOf, RpcError, toRpcError, UNAVAILABLE } from './rpc-error.ts';

export type GrpcConnection = {
  /** Found out from the environment of Google Cloud when absent. */
  readonly projectId?: string;
  /** `host:port` of an emulator, which is spoken to without credentials and encryption. */
  readonly emulatorHost?: string;
};

/** `retry: null` is what switches the libraries' own retries off, which go on for ten minutes. */
export type CallOptions = { readonly timeout: number; readonly retry: null };

/** By then a call that never reached gRPC (credentials, name look-up) is given up as well. */
const GUARD_MS = 250;
/*
 * A connection whose peer has gone without a word is noticed, and a peer that is back is found again, within seconds
 * instead of the minutes that TCP and gRPC take by themselves.
 */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 3000,
};
/** The packages offer credentials for plain text only through what they choose themselves for a loopback address. */
const LOOPBACK = { projectId: 'emulated', apiEndpoint: '127.0.0.1:1' };

type Package<Credentials> = new (options: typeof LOOPBACK) => { readonly options: { readonly sslCreds?: Credentials } };

/** Options of a generated client. `Front`: the class that the package puts before it. */
export function grpcOptions<Credentials>({ projectId, emulatorHost }: GrpcConnection, Front: Package<Credentials>) {
  const options = { ...CHANNEL_OPTIONS, ...(projectId === undefined ? {} : { projectId }) };
  if (emulatorHost === undefined) return options;
  const { hostname, port } = new URL(`http://${emulatorHost.replace(/^\w+:\/\//, '')}`);
  const { sslCreds } = new Front(LOOPBACK).options;
  return {
    ...options,
    servicePath: hostname,
    port: Number(port || 80),
    ...(sslCreds === undefined ? {} : { sslCreds }),
    // Otherwise the library looks for credentials to learn this from, over the network.
    clientOptions: { universeDomain: 'googleapis.com' },
  };
}

/** What calls of one service go through. Each settles in its time, is sent once, and fails with `RpcError` only. */
export class GrpcLink<Client> {
  readonly #clock: Clock;
  readonly #open: () => Promise<Client>;
  #client: Promise<Client> | undefined;

  /** `open`: makes the client, and settles when it has its credentials. */
  constructor(clock: Clock, open: () => Promise<Client>) {
    this.#clock = clock;
    this.#open = open;
  }

  /** The client, if somebody has needed one. */
  get client(): Promise<Client> | undefined {
    return this.#client;
  }

  /** Gives `call` what is left of the time for each of its requests, and gives up by itself a little later. */
  async bounded<T>(timeoutMs: number, call: (client: Client, options: () => CallOptions) => Promise<T>): Promise<T> {
    const end = this.#clock.monotonic() + timeoutMs;
    const options = (): CallOptions => ({
      timeout: Math.max(1, Math.ceil(end - this.#clock.monotonic())),
      retry: null,
    });
    const guard = Promise.withResolvers<never>();
    const late = new RpcError(DEADLINE_EXCEEDED, `no answer within ${Math.round(timeoutMs)} ms`);
    const cancel = this.#clock.after(timeoutMs + GUARD_MS, () => guard.reject(late));
    try {
      return await Promise.race([this.#connect().then((client) => call(client, options)), guard.promise]);
    } catch (error) {
      throw toRpcError(error);
    } finally {
      cancel();
    }
  }

  /**
   * A client that could not get its credentials stays useless and throws where nobody can catch it when called, so none is called
   * before, and the next attempt makes another.
   */
  #connect(): Promise<Client> {
    this.#client ??= this.#open().catch((error: unknown) => {
      this.#client = undefined;
      throw new RpcError(UNAVAILABLE, messageOf(error), error);
    });
    return this.#client;
  }
}
