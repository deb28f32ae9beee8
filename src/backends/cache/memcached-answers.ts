import { type Response, Utils } from 'memjs';
import { HEADER_BYTES, RESPONSE_MAGIC } from './memcached-frames.ts';

/** No answer to anything that is asked here comes near this. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Cuts what a connection delivers into answers. Chunks are joined once an answer is complete, not one by one: a large
 * value arrives in many.
 */
export class AnswerReader {
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = HEADER_BYTES;

  /** Calls `take` for each whole answer, until it says `false`. Throws where this cannot be the binary protocol. */
  push(chunk: Buffer, take: (response: Response) => boolean): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    const rest = this.#cut(bytes, take);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  #cut(bytes: Buffer, take: (response: Response) => boolean): Buffer {
    let rest = bytes;
    for (;;) {
      this.#needed = HEADER_BYTES;
      if (rest.length < HEADER_BYTES) return rest;
      this.#needed += rest.readUInt32BE(8);
      if (rest[0] !== RESPONSE_MAGIC || this.#needed > MAX_ANSWER_BYTES) throw new Error('not the binary protocol');
      if (rest.length < this.#needed) return rest;
      const response = Utils.parseMessage(rest);
      if (response === false) throw new Error('the lengths of an answer contradict each other');
      rest = rest.subarray(this.#needed);
      if (!take(response)) return rest;
    }
  }
}
