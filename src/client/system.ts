import type { Clock } from '../ports/clock.ts';
import type { MakeSocket, SocketLike } from './socket-channel.ts';

/** The real clock, in browsers as in Node. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export const realFraction = (): number => Math.random();

/** 96 random bits. `crypto.randomUUID` would be missing on pages without TLS. */
export function realId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

type Frames = { readonly requestAnimationFrame?: (call: () => void) => unknown };

/** Calls with the next animation frame, where there are any. A page in the background has none. */
export function realFrame(call: () => void): void {
  (globalThis as Frames).requestAnimationFrame?.(call);
}

/** Tells when the network goes and comes back, as far as a browser notices. Returns the end of it. */
export function realNetwork(tell: (isThere: boolean) => void): () => void {
  const ending = new AbortController();
  const { addEventListener } = globalThis as Partial<Pick<EventTarget, 'addEventListener'>>;
  for (const name of ['offline', 'online']) {
    addEventListener?.call(globalThis, name, () => tell(name === 'online'), { signal: ending.signal });
  }
  return () => ending.abort();
}

/** `undefined` where there are no WebSockets. */
export const realSocket: MakeSocket | undefined =
  globalThis.WebSocket && ((url, protocol) => new WebSocket(url, protocol) as SocketLike);

type Process = { readonly process?: { readonly versions?: { readonly node?: string } } };

/** What stands open keeps nothing alive that should end. */
export const isPage = (globalThis as Process).process?.versions?.node === undefined;
