import type { Clock } from '../ports/clock.ts';
import type { MakeSocket, SocketLike } from './socket-channel.ts';
import { unlessAborted } from './timing.ts';

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

type Locks = {
  request(name: string, options: { readonly signal: AbortSignal }, hold: () => Promise<unknown>): Promise<unknown>;
};

/** A page that is left may hold for a moment what the next one asks for, ms. */
const CLAIM_MS = 1_000;

/**
 * Whether nobody else in this browser, or this process, has this name, which is then had until `signal` aborts. Where there are no Web Locks (pages without TLS), that is not known, and
 * taken for granted.
 */
export function realClaim(name: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { locks } = (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator ?? {};
  if (!locks) return Promise.resolve(true);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const late = new AbortController();
  const cancel = clock.after(CLAIM_MS, () => late.abort());
  const hold = (): Promise<never> => {
    cancel();
    resolve(true);
    return unlessAborted(new Promise<never>(() => undefined), signal);
  };
  locks.request(name, { signal: late.signal }, hold).catch(() => {
    cancel();
    resolve(!late.signal.aborted);
  });
  return promise;
}
