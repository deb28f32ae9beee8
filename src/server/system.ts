import { randomBytes } from 'node:crypto';
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

const ID_BYTES = 12;
const FRACTION_BYTES = 6;
const POOL_BYTES = 4_096;

// One call of the generator for many ids: the call costs more than the bytes.
let pool = Buffer.alloc(0);
let used = 0;

function take(bytes: number): number {
  if (used + bytes > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += bytes;
  return used - bytes;
}

export const systemRandom: Random = {
  fraction: () => {
    const at = take(FRACTION_BYTES);
    return pool.readUIntBE(at, FRACTION_BYTES) / 2 ** (8 * FRACTION_BYTES);
  },
  id: () => {
    const at = take(ID_BYTES);
    return pool.toString('base64url', at, at + ID_BYTES);
  },
};
