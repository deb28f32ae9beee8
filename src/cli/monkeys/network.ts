import type { MakeSocket, SocketLike } from '../../client/connect.ts';

/**
 * The way of one client to the servers. It goes to one of them until that one does not answer, then to the next; offline it goes to none. The client itself
 * knows the first address alone.
 */
export class Network {
  readonly #urls: readonly string[];
  #at: number;
  #cut = new AbortController();
  #isOffline = false;
  readonly #sockets = new Set<SocketLike>();

  /** `start`: which of the servers is the first. */
  constructor(urls: readonly string[], start: number) {
    this.#urls = urls.map((url) => url.replace(/\/+$/, ''));
    this.#at = start % urls.length;
  }

  get base(): string {
    return this.#urls[0] ?? '';
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  /** Ends what is open; everything that is tried from now on fails. */
  goOffline(): void {
    this.#isOffline = true;
    this.#cut.abort(new TypeError('offline'));
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }

  comeBack(): void {
    this.#isOffline = false;
    this.#cut = new AbortController();
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    if (this.#isOffline) throw new TypeError('offline');
    const at = this.#at;
    const signal = init.signal ? AbortSignal.any([init.signal, this.#cut.signal]) : this.#cut.signal;
    try {
      return await fetch(this.#here(String(input)), { ...init, signal });
    } catch (error) {
      if (!signal.aborted) this.#leave(at);
      throw error;
    }
  };

  readonly socket: MakeSocket = (url, protocol) => {
    if (this.#isOffline) throw new TypeError('offline');
    const at = this.#at;
    const socket = new WebSocket(this.#here(url), protocol);
    this.#sockets.add(socket as SocketLike);
    socket.addEventListener('error', () => this.#leave(at));
    socket.addEventListener('close', () => this.#sockets.delete(socket as SocketLike));
    return socket as SocketLike;
  };

  #here(url: string): string {
    const [from, to] = [this.base, this.#urls[this.#at] ?? this.base];
    if (url.startsWith(from)) return `${to}${url.slice(from.length)}`;
    return url.replace(from.replace(/^http/, 'ws'), to.replace(/^http/, 'ws'));
  }

  /** Unless somebody has left it meanwhile. */
  #leave(at: number): void {
    if (this.#at === at) this.#at = (at + 1) % this.#urls.length;
  }
}
