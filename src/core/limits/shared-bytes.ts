import type { Permits } from './permits.ts';

/** Smaller ones fit into what the system keeps for a connection anyway. */
const MIN_COUNTED_BYTES = 64 * 1024;

/** Bytes that are held until those who are sent them have taken them. What goes to several is there once, and counts once. */
export class SharedBytes {
  readonly #permits: Permits;
  readonly #readers = new Map<Buffer, number>();

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  get inUse(): number {
    return this.#permits.inUse;
  }

  /**
   * One more is sent them. Throws `overloaded` where there is no room; what is returned is to be called when the reader has taken them, or is gone; more calls do nothing.
   * `undefined`: too few to be counted.
   */
  enter(bytes: Buffer): (() => void) | undefined {
    if (bytes.length < MIN_COUNTED_BYTES) return undefined;
    const before = this.#readers.get(bytes) ?? 0;
    if (before === 0) this.#permits.enter(bytes.length);
    this.#readers.set(bytes, before + 1);
    let left = false;
    return () => {
      if (!left) this.#leave(bytes);
      left = true;
    };
  }

  #leave(bytes: Buffer): void {
    const readers = (this.#readers.get(bytes) ?? 1) - 1;
    if (readers > 0) this.#readers.set(bytes, readers);
    else {
      this.#readers.delete(bytes);
      this.#permits.leave(bytes.length);
    }
  }
}
