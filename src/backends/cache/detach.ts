/** A value this much smaller than the buffer it came in is copied out of it. */
const WORTH_COPYING = 2;
const SLAB_BYTES = 8 * 1024;
const MAX_SLAB_VALUE_BYTES = 2 * 1024;

/**
 * Copies small values out of the big buffers they were received in, so that keeping one value keeps at most 8 KiB alive
 * and not 64 KiB. Values of one slab share it: copying each into memory of its own costs five times as much.
 */
export class Detacher {
  #slab = Buffer.alloc(0);
  #used = 0;

  detach(value: Buffer): Buffer {
    if (value.length * WORTH_COPYING > value.buffer.byteLength) return value;
    if (value.length > MAX_SLAB_VALUE_BYTES) {
      const own = Buffer.allocUnsafeSlow(value.length);
      own.set(value);
      return own;
    }
    if (this.#used + value.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + value.length);
    copy.set(value);
    this.#used += value.length;
    return copy;
  }
}
