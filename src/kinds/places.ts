/** Closed intervals of a state as it stands. */
export type Places = readonly (readonly [from: number, to: number])[];

/** Borders count. */
export function meet(some: Places, others: Places): boolean {
  return some.some(([from, to]) => others.some((other) => from <= other[1] && to >= other[0]));
}
