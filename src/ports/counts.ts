/** What a caller has used up in the running window, all instances together. */
export type Consumed = {
  readonly points: number;
  /** Until the window ends. */
  readonly leftMs: number;
};

/** Counts that all instances share. A lost count is a little too much allowed, never an error. */
export interface Counts {
  /** Adds to what `key` has used up, and tells the sum. Rejects where that cannot be known. */
  add(key: string, points: number): Promise<Consumed>;
}
