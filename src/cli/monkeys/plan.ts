import type { Seeded } from '../../base/seeded.ts';

export type Absence = { readonly from: number; readonly to: number };

/** When somebody is offline, ms from the beginning: twice, for a tenth to a third of the time each; and back before the end. */
export function absencesOf(durationMs: number, chance: Seeded): Absence[] {
  const between = (low: number, high: number) => durationMs * (low + (high - low) * chance.fraction());
  const first = between(0.05, 0.2);
  const second = between(0.55, 0.65);
  return [
    { from: first, to: first + between(0.1, 0.33) },
    { from: second, to: second + between(0.1, 0.33) },
  ];
}

/** When somebody does something, ms from the beginning: `rate` times a second on average, at random. */
export function* momentsOf(durationMs: number, rate: number, chance: Seeded): Generator<number> {
  let at = 0;
  for (;;) {
    at += (-Math.log(1 - chance.fraction()) * 1_000) / rate;
    if (at >= durationMs) return;
    yield at;
  }
}
