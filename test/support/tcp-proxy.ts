import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './memcached.ts';

/**
 * What happens to bytes on their way, from the moment the mode is set, on old connections and new ones. Requests are what the
 * client sends, answers what comes back.
 */
export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Answers come this much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Requests arrive, answers are dropped. */
  | { readonly kind: 'swallow' }
  /** Requests arrive, answers are kept until `release`. */
  | { readonly kind: 'hold' }
  /** Connections are accepted, nothing passes in either direction: a host that hangs. */
  | { readonly kind: 'halfOpen' }
  /** After so many bytes of answers, counted over all connections, the connection ends (FIN). */
  | { readonly kind: 'cutAfter'; readonly bytes: number }
  /** The same, with a reset (RST). */
  | { readonly kind: 'resetAfter'; readonly bytes: number };

type Pair = { readonly client: Socket; readonly server: Socket; held: Buffer[] };

/** A TCP proxy on 127.0.0.1 that does to a connection what networks do. */
export class TcpProxy {
  readonly #listener: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #mode: ProxyMode = { kind: 'pass' };
  #budget = 0;
  #port = 0;
  /** Connections accepted so far. */
  accepted = 0;
  /** Everything clients sent, whether it was passed on or not. */
  readonly requests: Buffer[] = [];

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#listener = createServer((client) => this.#accept(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#port = await freePort(); // still free when it listens again
    await proxy.listenAgain();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get open(): number {
    return this.#pairs.size;
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode;
    if (mode.kind === 'cutAfter' || mode.kind === 'resetAfter') this.#budget = mode.bytes;
  }

  /** Hands over what `hold` kept back, where the client still listens. */
  release(): void {
    for (const pair of this.#pairs) {
      for (const bytes of pair.held) pair.client.write(bytes);
      pair.held = [];
    }
  }

  /** Ends all connections in good order (FIN); new ones are accepted. */
  closeAll(): void {
    for (const { client, server } of this.#pairs) {
      client.end();
      server.destroy();
    }
  }

  resetAll(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** New connections are refused until `listenAgain`; the ones there are go on. */
  async refuse(): Promise<void> {
    // Node calls back only when the last connection is gone, but stops listening at once.
    this.#listener.close();
  }

  async listenAgain(): Promise<void> {
    this.#listener.listen(this.#port, '127.0.0.1');
    await once(this.#listener, 'listening');
    const address = this.#listener.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  async stop(): Promise<void> {
    const closed = this.#listener.listening ? once(this.#listener, 'close') : undefined;
    this.#listener.close();
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const server = connect(this.#targetPort, '127.0.0.1');
    const pair: Pair = { client, server, held: [] };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes) => {
      this.requests.push(bytes);
      if (this.#mode.kind !== 'halfOpen') server.write(bytes);
    });
    server.on('data', (bytes) => this.#answer(pair, bytes));
    client.on('error', () => {});
    server.on('error', () => {});
    client.on('close', () => server.destroy());
    server.on('close', () => {
      client.end();
      this.#pairs.delete(pair);
    });
  }

  #answer(pair: Pair, bytes: Buffer): void {
    const { client } = pair;
    const mode = this.#mode;
    switch (mode.kind) {
      case 'pass':
        client.write(bytes);
        return;
      case 'delay':
        setTimeout(() => client.writable && client.write(bytes), mode.ms);
        return;
      case 'hold':
        pair.held.push(bytes);
        return;
      case 'swallow':
      case 'halfOpen':
        return;
      case 'cutAfter':
      case 'resetAfter':
        this.#spend(pair, bytes, mode.kind === 'resetAfter');
    }
  }

  #spend(pair: Pair, bytes: Buffer, reset: boolean): void {
    const { client, server } = pair;
    if (this.#budget > bytes.length) {
      this.#budget -= bytes.length;
      client.write(bytes);
      return;
    }
    const last = bytes.subarray(0, this.#budget);
    this.#budget = 0;
    server.destroy();
    if (!reset) client.end(last);
    else if (last.length === 0) client.resetAndDestroy();
    else client.write(last, () => setTimeout(() => client.resetAndDestroy(), 5));
  }
}
