import type { Change } from './events.ts';

/** Changes one after another. Of one item, only the last that was not taken yet is kept: a slow reader skips moves, never states. */
export async function* iterateChanges(
  listen: (listener: (change: Change) => void, signal: AbortSignal) => void,
  ended: AbortSignal,
): AsyncGenerator<Change, void, void> {
  const waiting = new Map<string, Change>();
  const stop = new AbortController();
  let wake: () => void = () => undefined;
  listen((change) => {
    const earlier = waiting.get(change.item);
    waiting.set(change.item, earlier ? { ...change, before: earlier.before } : change);
    wake();
  }, stop.signal);
  const onEnd = (): void => wake();
  ended.addEventListener('abort', onEnd);
  try {
    for (;;) {
      for (const [item, change] of waiting) {
        waiting.delete(item);
        yield change;
      }
      if (ended.aborted) return;
      if (waiting.size > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop.abort();
    ended.removeEventListener('abort', onEnd);
  }
}
