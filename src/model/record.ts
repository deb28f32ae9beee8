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

export function encodeRecordText(value: object, format = FORMAT_VERSION): string {
  return String(format) + JSON.stringify(value);
}

export function decodeRecord(bytes: Buffer, what: string): Json {
  const start = bytes.indexOf(OPEN_BRACE);
  return decodeRecordText(start > 0 && start <= 4 ? bytes.toString('utf8') : '', what);
}

/** Version N reads N - 1: when the format changes, the older form is converted here. `upTo`: the highest format of this record, where it has one of its own. */
export function decodeRecordText(text: string, what: string, upTo = FORMAT_VERSION): Json {
  for (let format = upTo; format >= FORMAT_VERSION; format--)
    if (text.startsWith(`${format}{`)) return JSON.parse(text.slice(String(format).length)) as Json;
  throw new FormatError(what);
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
