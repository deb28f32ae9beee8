import { HEADER_BYTES, RESPONSE_MAGIC } from './memcached-frames.ts';

/** No answer to anything that is asked here comes near this. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** One answer; good only until `take` returns, as the next one is read into the same object. */
export class MemcachedAnswer {
  opcode = 0;
  status = 0;
  opaque = 0;
  /** The token, in two halves; 0 where there is none. */
  casHigh = 0;
  casLow = 0;
  #bytes: Buffer = NOTHING;
  #keyAt = 0;
  #valueAt = 0;
  #end = 0;

  /** `at`: where the answer begins in `bytes`, which hold all of it. Throws where its lengths contradict each other. */
  read(bytes: Buffer, at: number): void {
    const lengths = bytes.readUInt32BE(at);
    this.opcode = (lengths >>> 16) & 0xff;
    const keyLength = lengths & 0xffff;
    const rest = bytes.readUInt32BE(at + 4);
    this.status = rest & 0xffff;
    this.#end = at + HEADER_BYTES + bytes.readUInt32BE(at + 8);
    this.opaque = bytes.readUInt32BE(at + 12);
    this.casHigh = bytes.readUInt32BE(at + 16);
    this.casLow = bytes.readUInt32BE(at + 20);
    this.#bytes = bytes;
    this.#keyAt = at + HEADER_BYTES + (rest >>> 24);
    this.#valueAt = this.#keyAt + keyLength;
    if (this.#valueAt > this.#end) throw new Error('the lengths of an answer contradict each other');
  }

  get end(): number {
    return this.#end;
  }

  get key(): string {
    return this.#bytes.toString('latin1', this.#keyAt, this.#valueAt);
  }

  /** Part of the buffer it was received in. */
  get value(): Buffer {
    return this.#bytes.subarray(this.#valueAt, this.#end);
  }
}

/**
 * Cuts what a connection delivers into answers. Chunks are joined once an answer is complete, not one by one: a large
 * value arrives in many.
 */
export class AnswerReader {
  readonly #answer = new MemcachedAnswer();
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = HEADER_BYTES;

  /** Calls `take` for each whole answer, until it says `false`. Throws where this cannot be the binary protocol. */
  push(chunk: Buffer, take: (answer: MemcachedAnswer) => boolean): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    const end = this.#cut(bytes, take);
    this.#parts = end === bytes.length ? [] : [bytes.subarray(end)];
    this.#bytes = bytes.length - end;
  }

  /** Where it stopped. */
  #cut(bytes: Buffer, take: (answer: MemcachedAnswer) => boolean): number {
    for (let at = 0; ; ) {
      this.#needed = HEADER_BYTES;
      if (bytes.length - at < HEADER_BYTES) return at;
      this.#needed += bytes.readUInt32BE(at + 8);
      if (bytes[at] !== RESPONSE_MAGIC || this.#needed > MAX_ANSWER_BYTES) throw new Error('not the binary protocol');
      if (bytes.length - at < this.#needed) return at;
      this.#answer.read(bytes, at);
      at = this.#answer.end;
      if (!take(this.#answer)) return at;
    }
  }
}
