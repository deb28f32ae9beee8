import type { Clock } from '../ports/clock.ts';
import { isPage } from './system.ts';
import { unlessAborted } from './timing.ts';

type Locks = {
  request(name: string, options: { readonly signal: AbortSignal }, hold: () => Promise<unknown>): Promise<unknown>;
};

/** A page that is left may hold for a moment what the next one asks for, ms. */
const TAKE_MS = 1_000;
/** Other pages of the browser answer within, ms, unless they sleep. */
const ASK_MS = 200;

/**
 * Whether nobody else in this browser, or this process, has this name, which is then had until `signal` aborts. Pages without TLS have no Web Locks: they ask
 * each other.
 */
export function realTakeName(name: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { locks } = (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator ?? {};
  if (locks) return takeLock(locks, name, clock, signal);
  return isPage ? askAround(name, clock, signal) : Promise.resolve(true);
}

function takeLock(locks: Locks, name: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const late = new AbortController();
  const cancel = clock.after(TAKE_MS, () => late.abort());
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

export function askAround(name: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  if (signal.aborted) return Promise.resolve(true);
  const channel = new BroadcastChannel(name);
  signal.addEventListener('abort', () => channel.close(), { once: true });
  let isMine = false;
  const cancel = clock.after(ASK_MS, () => {
    isMine = true;
    resolve(true);
  });
  channel.onmessage = ({ data }: { readonly data: unknown }) => {
    if (isMine && data === 'whose') channel.postMessage('mine');
    if (isMine || data !== 'mine') return;
    cancel();
    channel.close();
    resolve(false);
  };
  channel.postMessage('whose');
  return promise;
}
