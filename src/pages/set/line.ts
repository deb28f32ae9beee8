import type { ConnectOptions, MakeSocket } from '../../client/connect.ts';

type Tell = (isThere: boolean) => void;

/** The network as one client sees it: it can be cut and mended. */
export class Line {
  readonly #fetch: typeof fetch;
  readonly #makeSocket: MakeSocket | undefined;
  #cutting = new AbortController();
  #tell: Tell | undefined;
  #isUp = true;

  constructor(realFetch: typeof fetch, makeSocket: MakeSocket | undefined) {
    this.#fetch = realFetch;
    this.#makeSocket = makeSocket;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** What a client goes through. */
  get options(): Pick<ConnectOptions, 'fetch' | 'webSocket' | 'network'> {
    const make = this.#makeSocket;
    return {
      fetch: (input, init) => {
        const { signal } = this.#cutting;
        return this.#fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, signal]) : signal });
      },
      webSocket:
        make &&
        ((url, protocol) => {
          this.#cutting.signal.throwIfAborted();
          const socket = make(url, protocol);
          this.#cutting.signal.addEventListener('abort', () => socket.close(), { once: true });
          return socket;
        }),
      network: (tell) => {
        this.#tell = tell;
        return () => {
          this.#tell = undefined;
        };
      },
    };
  }

  cut(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#tell?.(false);
    this.#cutting.abort(new TypeError('the line is cut'));
  }

  mend(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#cutting = new AbortController();
    this.#tell?.(true);
  }
}
