import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';

const ENCODERS = {
  br: (body: Buffer) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
  gzip: (body: Buffer) => gzipSync(body),
};
type Encoding = keyof typeof ENCODERS;
/** The better one first. */
const ENCODINGS = Object.keys(ENCODERS) as Encoding[];

/** Less is not worth a header. */
const MIN_COMPRESSED_BYTES = 512;
const TEXT = /^(text\/|image\/svg)/;

/** A file for browsers, held in memory. What is compressed is compressed at the first request that takes it. */
export class Asset {
  readonly body: Buffer;
  readonly #contentType: string;
  readonly #cacheControl: string;
  readonly #tag: string;
  readonly #compressed = new Map<Encoding, Buffer>();

  /** `fixed`: what is at this URL never changes. */
  constructor(contentType: string, body: Buffer | string, { fixed = false } = {}) {
    this.#contentType = contentType;
    this.body = Buffer.from(body);
    this.#cacheControl = fixed ? 'public, max-age=31536000, immutable' : 'no-cache';
    // Weak: the same for every encoding.
    this.#tag = `W/"${createHash('sha256').update(this.body).digest('base64url').slice(0, 22)}"`;
  }

  send(req: Request, res: Response): void {
    res.set({ ETag: this.#tag, 'Cache-Control': this.#cacheControl, Vary: 'Accept-Encoding' });
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    const encoding = this.#encodingFor(req);
    const body = encoding === undefined ? this.body : this.#encoded(encoding);
    if (encoding !== undefined) res.set('Content-Encoding', encoding);
    res.set({ 'Content-Type': this.#contentType, 'Content-Length': String(body.length) });
    res.end(req.method === 'HEAD' ? undefined : body);
  }

  #encodingFor(req: Request): Encoding | undefined {
    if (this.body.length < MIN_COMPRESSED_BYTES || !TEXT.test(this.#contentType)) return undefined;
    return ENCODINGS.find((encoding) => req.acceptsEncodings(encoding) === encoding);
  }

  #encoded(encoding: Encoding): Buffer {
    const known = this.#compressed.get(encoding);
    if (known !== undefined) return known;
    const made = ENCODERS[encoding](this.body);
    this.#compressed.set(encoding, made);
    return made;
  }
}
