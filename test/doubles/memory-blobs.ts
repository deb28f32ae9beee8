import { assertBlobName, assertContentType, assertRange } from '../../src/backends/blobs/blob-name.ts';
import type { BlobInfo, BlobName, Blobs, ListedBlob } from '../../src/ports/blobs.ts';
import { Failure } from '../../src/ports/failure.ts';

type Found = { readonly info: BlobInfo; readonly bytes: Buffer };
type Held = Found & { readonly writtenAt: number };

/** Blobs in memory, for tests of what stands on them. Every call happens at once. */
export class MemoryBlobs implements Blobs {
  readonly held = new Map<BlobName, Held>();
  /** Thrown by every call, while set. */
  failure: Error | undefined;
  /** Called before each call that writes or deletes: what happens in between. */
  onChange: (what: 'put' | 'delete', name: BlobName) => void | Promise<void> = () => {};
  now: () => number = Date.now;
  #generation = 0;
  #closed = false;

  async put(
    name: BlobName,
    bytes: Uint8Array,
    options: { readonly contentType: string; readonly ifGeneration?: string },
  ): Promise<BlobInfo> {
    assertBlobName(name);
    assertContentType(options.contentType);
    const copy = Buffer.from(bytes);
    this.#begin();
    await this.onChange('put', name);
    this.#require(name, options.ifGeneration);
    const info: BlobInfo = {
      name,
      size: copy.length,
      contentType: options.contentType,
      generation: String(++this.#generation),
    };
    this.held.set(name, { info, bytes: copy, writtenAt: this.now() });
    return info;
  }

  async get(name: BlobName, range?: { readonly start: number; readonly end: number }): Promise<Found | undefined> {
    assertBlobName(name);
    assertRange(range);
    this.#begin();
    const found = this.held.get(name);
    if (!found) return undefined;
    const { info, bytes } = found;
    return { info, bytes: range ? bytes.subarray(range.start, range.end + 1) : bytes };
  }

  async info(name: BlobName): Promise<BlobInfo | undefined> {
    this.#begin();
    return this.held.get(name)?.info;
  }

  async delete(name: BlobName, options: { readonly ifGeneration?: string } = {}): Promise<boolean> {
    assertBlobName(name);
    this.#begin();
    await this.onChange('delete', name);
    if (!this.held.has(name)) return false;
    this.#require(name, options.ifGeneration);
    return this.held.delete(name);
  }

  async list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]> {
    this.#begin();
    const names = [...this.held.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
    return names.slice(0, limit).flatMap((name) => {
      const held = this.held.get(name);
      return held ? { ...held.info, writtenAt: held.writtenAt } : [];
    });
  }

  async ping(): Promise<void> {
    this.#begin();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #begin(): void {
    if (this.#closed) throw new Failure('closed', 'the blobs are closed');
    if (this.failure !== undefined) throw this.failure;
  }

  #require(name: BlobName, ifGeneration: string | undefined): void {
    if (ifGeneration === undefined) return;
    if ((this.held.get(name)?.info.generation ?? 'absent') === ifGeneration) return;
    throw new Failure('preconditionFailed', `blob ${name} is not at the generation asked for`);
  }
}
