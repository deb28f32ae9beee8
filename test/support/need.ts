import type { Context, Runnable, Suite } from 'mocha';

const reasons = new WeakMap<object, string>();

/**
 * Skips the running test, or from a `before` hook its whole suite, because something outside the project is missing. The
 * reason is printed at the end of the run. With CI set it fails instead: there, everything has to be present.
 */
export function skipFor(context: Context, reason: string): never {
  if (process.env.CI) throw new Error(`missing in CI: ${reason}`);
  const runnable = context.test;
  if (runnable !== undefined) {
    const inHook = 'type' in runnable && runnable.type === 'hook';
    reasons.set(inHook && runnable.parent !== undefined ? runnable.parent : runnable, reason);
  }
  return context.skip();
}

/** Why a test was skipped, where `skipFor` was told. */
export function skipReason(test: Runnable): string | undefined {
  let place: Runnable | Suite | undefined = test;
  while (place !== undefined) {
    const reason = reasons.get(place);
    if (reason !== undefined) return reason;
    place = place.parent;
  }
  return undefined;
}
