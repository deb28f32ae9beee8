import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Bucket, type FileMetadata, type GetFilesOptions, Storage } from '@google-cloud/storage';
import { assert } from '../../base/assert.ts';
import type { BlobInfo, BlobName, Blobs, DirectBlobs, ListedBlob } from '../../ports/blobs.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Random } from '../../ports/random.ts';
import { assertBlobName, assertContentType, assertRange, isBlobName } from './blob-name.ts';
import { type CallLimits, callWithin, type Try } from './gcs-call.ts';
import { createGcsDirect } from './gcs-direct.ts';
import { isMissingObject, statusOf } from './gcs-errors.ts';
import { checksum, type Headers, readHeaders, toInfo, toListed, toWire } from './gcs-wire.ts';

export type GcsOptions = {
  readonly bucket: string;
  /** Goes before every name, with a `/` between; empty for none. */
  readonly prefix: string;
  readonly projectId?: string;
  /** Another server than Google's, without credentials: `http://127.0.0.1:PORT`. */
  readonly apiEndpoint?: string;
  /** For a whole call, with its repeats. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
};

type Range = { readonly start: number; readonly end: number };
type PutOptions = { readonly contentType: string; readonly ifGeneration?: string | 'absent' };

const MAX_PAGE = 1000;
const ANSWER_LISTENERS = 20;
const RANGE_BEYOND_END = 416;

export function createGcsBlobs(options: GcsOptions): Blobs {
  return new GcsBlobs(options);
}

/**
 * Blobs as objects of a Cloud Storage bucket.
 *
 * States: open -> closed. `close` waits for the calls under way; later ones fail with `closed`.
 * - Every call ends within `timeoutMs`. One that ended so, or after repeats, is `unclear` where it writes.
 * - Uploads are single requests and carry the CRC32C of the bytes, so that the service itself refuses what was
 *   damaged on its way, before anybody can see it. The library would check afterwards and delete.
 * - Repeats are made here, not by the library: it keeps the permission to repeat in a field that all calls share and
 *   some of them clear. A conditional write carries an id, by which its own repeat knows it again.
 */
class GcsBlobs implements Blobs {
  readonly direct: DirectBlobs;
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #limits: CallLimits;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: GcsOptions) {
    const { bucket, prefix, projectId, apiEndpoint, timeoutMs, clock, random } = options;
    assert(prefix === '' || isBlobName(prefix), `not a prefix for blobs: ${prefix}`);
    const storage = new Storage({
      ...(projectId === undefined ? {} : { projectId }),
      ...(apiEndpoint === undefined ? {} : { apiEndpoint, useAuthWithCustomEndpoint: false }),
      retryOptions: { autoRetry: false, maxRetries: 0 },
      timeout: timeoutMs,
    });
    this.#bucket = storage.bucket(bucket);
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#limits = { timeoutMs, clock, random };
    const call = <T>(what: string, attempt: Try<T>): Promise<T> => this.#call(what, attempt);
    this.direct = createGcsDirect({ bucket: this.#bucket, prefix: this.#prefix, clock, call });
  }

  put(name: BlobName, bytes: Uint8Array, options: PutOptions): Promise<BlobInfo> {
    assertBlobName(name);
    assertContentType(options.contentType);
    const writeId = this.#limits.random.id();
    return this.#call(`put ${name}`, (repeated) => this.#put(name, bytes, options, writeId, repeated));
  }

  get(name: BlobName, range?: Range): Promise<{ readonly info: BlobInfo; readonly bytes: Buffer } | undefined> {
    assertBlobName(name);
    assertRange(range);
    return this.#call(`get ${name}`, () => this.#get(name, range));
  }

  info(name: BlobName): Promise<BlobInfo | undefined> {
    assertBlobName(name);
    return this.#call(`info ${name}`, async () => {
      const metadata = await this.#metadata(name);
      return metadata && toInfo(name, metadata);
    });
  }

  delete(name: BlobName, options: { readonly ifGeneration?: string } = {}): Promise<boolean> {
    assertBlobName(name);
    return this.#call(`delete ${name}`, (repeated) => this.#delete(name, options.ifGeneration, repeated));
  }

  list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]> {
    return this.#call(`list ${prefix}`, () => this.#list(prefix, after, limit));
  }

  /** Lists, which a role for objects may; describing the bucket needs more. */
  async ping(): Promise<void> {
    await this.#call('ping', () => this.#list('', '', 1));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#running]);
  }

  async #put(name: BlobName, bytes: Uint8Array, options: PutOptions, writeId: string, repeated: boolean) {
    const file = this.#file(name);
    const ifGenerationMatch = toWire(options.ifGeneration);
    if (ifGenerationMatch === 'never') throw refusal(name, false);
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const crc32c = await checksum(content);
    try {
      await file.save(content, {
        resumable: false,
        validation: false,
        metadata: { contentType: options.contentType, crc32c, metadata: { write: writeId } },
        ...(ifGenerationMatch === undefined ? {} : { preconditionOpts: { ifGenerationMatch } }),
      });
    } catch (error) {
      if (statusOf(error) !== 412) throw error;
      const now = repeated ? await this.#metadata(name) : undefined;
      if (now?.metadata?.write === writeId) return toInfo(name, now);
      throw refusal(name, repeated);
    }
    return toInfo(name, file.metadata);
  }

  async #get(name: BlobName, range: Range | undefined) {
    try {
      return await this.#read(name, range);
    } catch (error) {
      if (isMissingObject(error)) return undefined;
      if (statusOf(error) !== RANGE_BEYOND_END) throw error;
      const metadata = await this.#metadata(name);
      return metadata && { info: toInfo(name, metadata), bytes: Buffer.alloc(0) };
    }
  }

  /**
   * One request, so that bytes and description belong together. The bytes are checked here: the library does so only
   * where a header tells their stored encoding, and never for a range.
   */
  async #read(name: BlobName, range: Range | undefined): Promise<{ readonly info: BlobInfo; readonly bytes: Buffer }> {
    let headers: Headers | undefined;
    const stream = this.#file(name).createReadStream({ validation: false, ...range });
    stream.on('response', (answer: Readable & { readonly headers: Headers }) => {
      headers = answer.headers;
      // The library itself puts more listeners on an answer than Node takes for a leak, and Node would warn each time.
      answer.setMaxListeners(ANSWER_LISTENERS);
    });
    const bytes = await buffer(stream);
    const { info, crc32c } = readHeaders(name, headers ?? {});
    const expected = range === undefined ? info.size : Math.min(range.end + 1, info.size) - range.start;
    if (bytes.length !== expected) throw new Error(`${bytes.length} bytes instead of ${expected}`);
    if (range === undefined && (await checksum(bytes)) !== crc32c)
      throw new Error('the bytes do not match their checksum');
    return { info, bytes };
  }

  async #delete(name: BlobName, ifGeneration: string | undefined, repeated: boolean): Promise<boolean> {
    const ifGenerationMatch = toWire(ifGeneration);
    try {
      if (ifGenerationMatch === 'never') {
        if ((await this.#metadata(name)) === undefined) return false;
        throw refusal(name, false);
      }
      await this.#file(name).delete(ifGenerationMatch === undefined ? {} : { ifGenerationMatch });
      return true;
    } catch (error) {
      // After a repeat, the earlier try has done it as far as anybody can tell.
      if (isMissingObject(error)) return repeated;
      if (statusOf(error) === 412) throw refusal(name, repeated);
      throw error;
    }
  }

  async #list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]> {
    const found: ListedBlob[] = [];
    // The offset itself is listed too, hence one more than asked.
    const maxResults = Math.min(limit + 1, MAX_PAGE);
    let query: GetFilesOptions | undefined = {
      prefix: this.#prefix + prefix,
      startOffset: this.#prefix + after,
      maxResults,
      autoPaginate: false,
    };
    while (query !== undefined && found.length < limit) {
      const [files, next]: [{ name: string; metadata: FileMetadata }[], GetFilesOptions?, unknown?] =
        await this.#bucket.getFiles(query);
      for (const file of files) {
        const name = file.name.slice(this.#prefix.length);
        if (name > after && isBlobName(name)) found.push(toListed(name, file.metadata));
      }
      query = next ?? undefined;
    }
    return found.slice(0, limit);
  }

  #file(name: BlobName) {
    return this.#bucket.file(this.#prefix + name);
  }

  async #metadata(name: BlobName): Promise<FileMetadata | undefined> {
    try {
      const [metadata] = await this.#file(name).getMetadata();
      return metadata;
    } catch (error) {
      if (isMissingObject(error)) return undefined;
      throw error;
    }
  }

  async #call<T>(what: string, attempt: Try<T>): Promise<T> {
    if (this.#closed) throw new Failure('closed', 'the bucket is closed');
    const running = callWithin(this.#limits, what, attempt);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function refusal(name: BlobName, unclear: boolean): Failure {
  return new Failure('preconditionFailed', `blob ${name} is not at the generation asked for`, { unclear });
}
