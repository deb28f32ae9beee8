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
  return Buffer.from(PREFIX + JSON.stringify(value));
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
