import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/** The longest that `setTimeout` can wait, ms; beyond it fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, call) {
    if (ms <= 0) {
      const turn = setImmediate(call);
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(call, Math.min(Math.ceil(ms), MAX_TIMEOUT_MS)).unref();
    return () => clearTimeout(timer);
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(Math.ceil(ms), MAX_TIMEOUT_MS)).unref()),
};

const FRACTION_STEPS = 2 ** 47;

export const systemRandom: Random = {
  fraction: () => randomInt(FRACTION_STEPS) / FRACTION_STEPS,
  id: () => randomBytes(12).toString('base64url'),
};
