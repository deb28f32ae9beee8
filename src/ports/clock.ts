/** Time as the flows see it. Wall time is never used to decide what a reader has seen. */
export interface Clock {
  /** Wall clock, milliseconds since 1970, UTC. May jump. */
  now(): number;
  /** Milliseconds since some start; never goes back. */
  monotonic(): number;
  /** Calls once after at least `ms`; with 0, once what is ready in this turn of the event loop has been taken in. Returns the cancellation. Does not keep the process alive. */
  after(ms: number, call: () => void): () => void;
  /** Settles after at least `ms`. */
  sleep(ms: number): Promise<void>;
}
