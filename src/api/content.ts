import { brotliCompress, constants, gzip } from 'node:zlib';
import { Negotiator } from 'negotiator';
import { MAX_CODED_BYTES, MIN_CODED_BYTES } from '../protocol/limits.ts';

export type Coding = 'br' | 'gzip';
export const CODINGS: readonly Coding[] = ['br', 'gzip'];

/** Header names and values in turn, as `writeHead` takes them. */
export type HeaderList = readonly string[];

export const VARIES: HeaderList = ['Vary', 'Accept-Encoding'];

/** As one client gets it. */
export type Sendable = {
  readonly headers: HeaderList;
  readonly body: Buffer;
  /** The bytes of a small one as characters: with the head they are one text, and one write. */
  readonly latin1?: string;
};

/** Up to here the slower level pays for itself: a tenth fewer bytes for three times as long, and that is a third of a millisecond. */
const THOROUGH_BYTES = 256 * 1024;
const BROTLI_LEVELS = { thorough: 4, quick: 2 } as const;
const GZIP_LEVEL = 3;
/** In the threads of this process; more would hold up files and names. Beyond it bodies go out as they are. */
const MAX_AT_ONCE = 16;

/**
 * A body on its way to one client or to thousands: compressed at most once for each coding, when the first who takes it asks. Small ones never are.
 * `headers` gives what goes with a coding, its length and `Content-Encoding` left out.
 */
export class Content {
  /** The body as it is, where it is too small or too large for anything else. */
  readonly only: Sendable | undefined;
  readonly #bytes: Buffer;
  readonly #headers: (coding: Coding | undefined) => HeaderList;
  readonly #made = new Map<Coding | undefined, Sendable | Promise<Sendable>>();

  constructor(bytes: Buffer, headers: (coding: Coding | undefined) => HeaderList) {
    this.#bytes = bytes;
    this.#headers = headers;
    const { length } = bytes;
    if (length > MAX_CODED_BYTES) this.only = this.#plain([]);
    if (length < MIN_CODED_BYTES) this.only = { ...this.#plain([]), latin1: bytes.toString('latin1') };
  }

  /** In this coding, if that makes it smaller and there is time. Never rejects. */
  in(coding: Coding | undefined, compressor: Compressor): Sendable | Promise<Sendable> {
    const made = this.only ?? this.#made.get(coding);
    if (made !== undefined) return made;
    if (coding === undefined || compressor.isBusy) {
      const plain = this.#made.get(undefined) ?? this.#plain(VARIES);
      this.#made.set(undefined, plain);
      return plain;
    }
    const making = compressor.compress(coding, this.#bytes).then((body) => {
      const sendable =
        body === undefined || body.length >= this.#bytes.length ? this.#plain(VARIES) : this.#coded(coding, body);
      this.#made.set(coding, sendable);
      return sendable;
    });
    this.#made.set(coding, making);
    return making;
  }

  #plain(more: HeaderList): Sendable {
    const length = ['Content-Length', String(this.#bytes.length)];
    return { headers: [...this.#headers(undefined), ...length, ...more], body: this.#bytes };
  }

  #coded(coding: Coding, body: Buffer): Sendable {
    const headers = [...this.#headers(coding), 'Content-Length', String(body.length), 'Content-Encoding', coding];
    return { headers: [...headers, ...VARIES], body };
  }
}

/** Compresses off the thread that answers. */
export class Compressor {
  #underWay = 0;

  get isBusy(): boolean {
    return this.#underWay >= MAX_AT_ONCE;
  }

  /** `undefined` where it failed: what is not compressed is as good. */
  compress(coding: Coding, bytes: Buffer): Promise<Buffer | undefined> {
    this.#underWay++;
    return new Promise((resolve) => {
      const done = (error: Error | null, coded: Buffer): void => {
        this.#underWay--;
        resolve(error === null ? coded : undefined);
      };
      if (coding === 'gzip') gzip(bytes, { level: GZIP_LEVEL }, done);
      else brotliCompress(bytes, { params: brotliParams(bytes.length) }, done);
    });
  }
}

function brotliParams(size: number): { readonly [key: number]: number } {
  const level = size <= THOROUGH_BYTES ? BROTLI_LEVELS.thorough : BROTLI_LEVELS.quick;
  return {
    [constants.BROTLI_PARAM_QUALITY]: level,
    [constants.BROTLI_PARAM_SIZE_HINT]: size,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
  };
}

/** Browsers send a few texts over and over. */
const MAX_KNOWN = 100;
const MAX_KNOWN_CHARS = 200;
const known = new Map<string, Coding | undefined>();

/** RFC 9110, 12.5.3, with brotli first where both are as welcome. */
export function codingOf(accepts: string | undefined): Coding | undefined {
  if (accepts === undefined || accepts === '') return undefined;
  if (known.has(accepts)) return known.get(accepts);
  const negotiator = new Negotiator({ headers: { 'accept-encoding': accepts } });
  const best = negotiator.encoding([...CODINGS, 'identity'], { preferred: [...CODINGS] });
  const coding = CODINGS.find((one) => one === best);
  if (accepts.length <= MAX_KNOWN_CHARS && known.size < MAX_KNOWN) known.set(accepts, coding);
  return coding;
}
