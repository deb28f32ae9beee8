import type { Json } from '../base/json.ts';
import { FORMAT_VERSION } from '../protocol/version.ts';

/** A record of another build that this one cannot read. */
export class FormatError extends Error {
  constructor(what: string) {
    super(`a ${what} record has a format this build does not read`);
    this.name = 'FormatError';
  }
}

const PREFIX = String(FORMAT_VERSION);
const OPEN_BRACE = 0x7b;

/** A record begins with its format version in decimal, directly followed by JSON. */
export function encodeRecord(value: object): Buffer {
  const text = JSON.stringify(value);
  const bytes = Buffer.allocUnsafe(PREFIX.length + Buffer.byteLength(text));
  bytes.write(PREFIX);
  bytes.write(text, PREFIX.length);
  return bytes;
}

export function encodeRecordText(value: object): string {
  return PREFIX + JSON.stringify(value);
}

export function decodeRecord(bytes: Buffer, what: string): Json {
  const start = bytes.indexOf(OPEN_BRACE);
  return decodeRecordText(start > 0 && start <= 4 ? bytes.toString('utf8') : '', what);
}

/** Version N reads N - 1: when the format changes, the older form is converted here. */
export function decodeRecordText(text: string, what: string): Json {
  if (!text.startsWith(`${PREFIX}{`)) throw new FormatError(what);
  return JSON.parse(text.slice(PREFIX.length)) as Json;
}

/** Backends may hand out the same object again: what is in it is parsed once. */
export class DecodedOnce<Source extends object, Value> {
  readonly #values = new WeakMap<Source, Value>();
  readonly #decode: (source: Source) => Value;

  constructor(decode: (source: Source) => Value) {
    this.#decode = decode;
  }

  of(source: Source): Value {
    let value = this.#values.get(source);
    if (value === undefined) {
      value = this.#decode(source);
      this.#values.set(source, value);
    }
    return value;
  }

  /** It was made from this value just now. */
  know(source: Source, value: Value): void {
    this.#values.set(source, value);
  }
}
