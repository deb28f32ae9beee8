/**
 * Wake-up hints between instances: "something in this space may have changed". A hint may be lost, doubled or late, and
 * never decides anything: readers sweep every 2 s without it.
 */
export interface Bus {
  /** Tells the other instances. Never fails, never waits; hints of one space may be merged for up to 50 ms. */
  publish(space: string): void;

  /**
   * Calls `wake` when another instance may have published since the call began. Begins with one call of `wake` where the
   * backend cannot tell what happened before. Returns the end of the watch.
   */
  watch(space: string, wake: () => void): () => void;

  close(): Promise<void>;
}
