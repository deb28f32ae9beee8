const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export type KeepRule = {
  /** Younger ones are all kept. */
  readonly allMs: number;
  /** Of those that are older the last of each hour is, and from this age on the last of each day. */
  readonly hourlyMs: number;
};

/**
 * Which of the stored versions of a picture, ascending, need not be kept any more. Hours and days are those of UTC, whoever looks and whenever, so what is kept as
 * the last of its day was kept as the last of its hour before. Where only a part of the versions is known, none is in it that would be kept if all were.
 */
export function surplusOf<Stored extends { readonly writtenAt: number }>(
  stored: readonly Stored[],
  now: number,
  { allMs, hourlyMs }: KeepRule,
): Stored[] {
  const later = new Set<string>();
  const surplus: Stored[] = [];
  for (const one of stored.toReversed()) {
    const [hour, day] = [`h${Math.floor(one.writtenAt / HOUR_MS)}`, `d${Math.floor(one.writtenAt / DAY_MS)}`];
    const age = now - one.writtenAt;
    if (age >= allMs && later.has(age < hourlyMs ? hour : day)) surplus.push(one);
    later.add(hour).add(day);
  }
  return surplus.reverse();
}
