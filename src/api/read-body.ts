import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Json } from '../base/json.ts';
import type { Permits } from '../core/limits/permits.ts';
import { ProblemError } from '../protocol/errors.ts';
import { findJsonFault } from '../protocol/json-guard.ts';
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from '../protocol/limits.ts';
import { rawHeader } from './reply.ts';

/** The client went away while it was sending: nobody is left to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client went away while it was sending');
    this.name = 'ClientGone';
  }
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/**
 * A body up to so many times too large is read to its end, and thrown away, before it is refused: a client that is still
 * sending when the connection closes never sees why.
 */
const READ_ON = 4;

/** The body as JSON, strictly: media type, UTF-8, size after inflating, depth and keys are checked. Throws `ProblemError`. */
export async function readJson(
  req: IncomingMessage,
  bodies: Permits,
  mediaTypes: readonly string[] = ['application/json'],
): Promise<Json> {
  checkMediaType(rawHeader(req, 'content-type'), mediaTypes);
  return parseJson(await readBytes(req, MAX_BODY_BYTES, bodies));
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

export function parseJson(bytes: Buffer): Json {
  if (bytes.length === 0) throw new ProblemError('badJson', 'the body is empty; it must be JSON in UTF-8');
  if (!isUtf8(bytes)) throw new ProblemError('badJson', 'the body is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ProblemError('badJson', 'the body is not JSON', { cause });
  }
  const fault = findJsonFault(value);
  if (fault === 'tooDeep') {
    throw new ProblemError('tooDeep', `arrays and objects may be nested at most ${MAX_JSON_DEPTH} deep`);
  }
  if (fault === 'badNumber') throw new ProblemError('badJson', 'a number is too large: at most about 1.8e308');
  if (fault === 'badKey') throw new ProblemError('badKey', 'no key may be named __proto__');
  return value as Json;
}

function checkMediaType(header: string | undefined, allowed: readonly string[]): void {
  if (header !== undefined && allowed.includes(header)) return;
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  const wanted = allowed.join(' or ');
  if (!allowed.includes(type)) {
    const sent = type === '' ? 'no content type' : `content type ${type.slice(0, 100)}`;
    throw new ProblemError('unsupportedMediaType', `the request has ${sent}; send Content-Type: ${wanted}`);
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-8"?$/.test(charset)) {
    throw new ProblemError('unsupportedMediaType', 'the only charset is utf-8');
  }
}

/** The whole body, decoded. The limit counts decoded bytes, so that a small bomb stops as early as a large body. `watch` sees it part by part. */
export async function readBytes(
  req: IncomingMessage,
  limit: number,
  bodies: Permits,
  watch: (part: Buffer) => void = () => undefined,
): Promise<Buffer> {
  const coding = (rawHeader(req, 'content-encoding') ?? 'identity').trim().toLowerCase();
  if (Number(rawHeader(req, 'content-length') ?? 0) > limit * READ_ON) throw tooLarge(limit);
  if (coding === 'identity') return collect(req, req, limit, bodies, watch);
  const decoder = DECODERS.get(coding)?.();
  if (decoder === undefined) {
    throw new ProblemError('unsupportedMediaType', 'Content-Encoding must be gzip, deflate, br or identity');
  }
  try {
    return await collect(req, req.pipe(decoder), limit, bodies, watch);
  } finally {
    // What is still to come is thrown away, and the connection stays usable.
    req.unpipe(decoder);
    req.resume();
    decoder.destroy();
  }
}

function collect(
  req: IncomingMessage,
  source: IncomingMessage | Transform,
  limit: number,
  bodies: Permits,
  watch: (part: Buffer) => void,
): Promise<Buffer> {
  return new Promise((settle, refuse) => {
    const parts = new Parts(limit, bodies, watch);
    const reject = (error: Error): void => {
      parts.end();
      refuse(error);
    };
    source.on('data', (part: Buffer) => {
      const error = parts.add(part);
      if (error !== undefined) reject(error);
    });
    source.on('end', () => {
      if (parts.isOver) return;
      if (parts.isTooLarge) return reject(tooLarge(limit));
      settle(parts.whole());
    });
    if (source !== req) {
      source.on('error', (cause) => reject(new ProblemError('badJson', 'the body cannot be decoded', { cause })));
    }
    req.on('close', () => {
      if (!req.complete) reject(new ClientGone());
    });
  });
}

/** What has come of a body. It is held of `bodies` until the outcome is known, or it is too large to be kept. */
class Parts {
  readonly #limit: number;
  readonly #bodies: Permits;
  readonly #watch: (part: Buffer) => void;
  #kept: Buffer[] = [];
  #size = 0;
  #held = 0;
  isOver = false;

  constructor(limit: number, bodies: Permits, watch: (part: Buffer) => void) {
    this.#limit = limit;
    this.#bodies = bodies;
    this.#watch = watch;
  }

  get isTooLarge(): boolean {
    return this.#size > this.#limit;
  }

  /** Why nothing more is wanted, if so. */
  add(part: Buffer): Error | undefined {
    this.#size += part.length;
    if (this.isOver) return undefined;
    if (this.isTooLarge) {
      this.#drop();
      return this.#size > this.#limit * READ_ON ? tooLarge(this.#limit) : undefined;
    }
    try {
      this.#bodies.enter(part.length);
      this.#held += part.length;
      this.#kept.push(part);
      this.#watch(part);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** The outcome: the body. */
  whole(): Buffer {
    const body = joined(this.#kept);
    this.end();
    return body;
  }

  /** The outcome is known. */
  end(): void {
    this.isOver = true;
    this.#drop();
  }

  #drop(): void {
    this.#bodies.leave(this.#held);
    this.#held = 0;
    this.#kept = [];
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function tooLarge(limit: number): ProblemError {
  return new ProblemError('tooLarge', `a request body may have at most ${limit} bytes after decoding`);
}
