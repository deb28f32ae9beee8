import { LOOP } from '../../../src/core/context.ts';
import { decideFlush } from '../../../src/core/flush-policy.ts';
import type { Random } from '../../../src/ports/random.ts';

/** Rows written per update by the policy of the server itself, for items that are changed at random; items have nothing to do with each other, so a few stand for all. */
export function simulateWriteBehind(
  load: { readonly perItem: number; readonly persist: number; readonly items: number; readonly seconds: number },
  random: Random,
): number {
  const total = { writes: 0, updates: 0 };
  for (let item = 0; item < load.items; item++) moveItem(load, random, total);
  return total.writes / total.updates;
}

function moveItem(
  { perItem, persist, seconds }: { readonly perItem: number; readonly persist: number; readonly seconds: number },
  random: Random,
  total: { writes: number; updates: number },
): void {
  const config = { persistMs: persist * 1_000 };
  let open = false;
  let numbers = 0;
  let state = { since: 0, movedAt: 0, stored: true, failedAt: 0, failures: 0 };
  const writeUntil = (next: number): void => {
    for (let now = state.movedAt; open; ) {
      const decision = decideFlush(state, now, config);
      if (decision.do === 'wait') {
        if (decision.until > next) return;
        now = decision.until;
        continue;
      }
      total.writes++;
      open = decision.do === 'store';
      state = { ...state, stored: true };
    }
  };
  for (let now = 0; ; ) {
    now += (-Math.log(1 - random.fraction()) / perItem) * 1_000;
    if (now > seconds * 1_000) return;
    writeUntil(now);
    total.updates++;
    if (++numbers > LOOP.reserve) {
      numbers = 1;
      total.writes++;
    }
    if (!open) {
      numbers = 1;
      total.writes += 2;
      open = true;
      state = { ...state, movedAt: now, stored: true };
    } else state = { ...state, movedAt: now, ...(state.stored ? { since: now, stored: false } : {}) };
  }
}
