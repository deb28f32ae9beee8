import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { BlobInfo, BlobName, Blobs, ListedBlob } from '../../ports/blobs.ts';
import { Failure } from '../../ports/failure.ts';
import type { Random } from '../../ports/random.ts';
import { assertBlobName, assertContentType, assertRange, isBlobName } from './blob-name.ts';
import { linkNew, makeFolders, prepareFolder, settleFolder } from './folder-disk.ts';
import { type BlobHeader, hasCode, readBlobFile, writeBlobFile } from './folder-file.ts';
import { toName, toPath } from './folder-path.ts';

type Conditions = { readonly ifGeneration?: string | 'absent' };

/** Where files are written before they get their name; no blob's path begins so. */
const INCOMING = '+incoming';

export function createFolderBlobs(options: { readonly path: string; readonly random: Random }): Blobs {
  return new FolderBlobs(options.path, options.random);
}

/**
 * Blobs as files of a folder on a local file system.
 *
 * States: open -> closed. `close` waits for the calls under way; later ones fail with `closed`.
 * - A blob is written under another name, synced, then renamed: a crash leaves the old one or the new one, and perhaps
 *   a file in `+incoming`, which nothing reads and a later start removes.
 * - Writes and deletes of one name take turns within this process, so preconditions are exact here. Between processes
 *   `ifGeneration: 'absent'` is exact too (a link refuses an existing name); another generation is compared
 *   and then replaced. One folder belongs to one server.
 * - A generation is the time of writing in microseconds, by the file system, made to rise.
 */
class FolderBlobs implements Blobs {
  readonly #root: string;
  readonly #random: Random;
  readonly #turns = new Map<BlobName, Promise<void>>();
  readonly #running = new Set<Promise<unknown>>();
  #ready: Promise<void> | undefined;
  #lastGeneration = 0n;
  #closed = false;

  constructor(path: string, random: Random) {
    this.#root = path;
    this.#random = random;
  }

  put(name: BlobName, bytes: Uint8Array, options: { readonly contentType: string } & Conditions): Promise<BlobInfo> {
    assertBlobName(name);
    assertContentType(options.contentType);
    return this.#inTurn(name, () => this.#write(name, bytes, options));
  }

  get(name: BlobName, range?: { readonly start: number; readonly end: number }) {
    assertBlobName(name);
    assertRange(range);
    return this.#run(async () => {
      const found = await readBlobFile(this.#path(name), range ?? 'whole');
      return found && { info: toInfo(name, found.header), bytes: found.bytes };
    });
  }

  info(name: BlobName): Promise<BlobInfo | undefined> {
    assertBlobName(name);
    return this.#run(() => this.#info(name));
  }

  delete(name: BlobName, options: { readonly ifGeneration?: string } = {}): Promise<boolean> {
    assertBlobName(name);
    return this.#inTurn(name, async () => {
      const current = await this.#info(name);
      if (current === undefined) return false;
      this.#keepAbove(current);
      if (options.ifGeneration !== undefined) requireGeneration(name, current, options.ifGeneration);
      await rm(this.#path(name));
      await settleFolder(this.#path(name));
      return true;
    });
  }

  /** Reads the folder that `prefix` lies in, whole, for every page. */
  list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]> {
    return this.#run(async () => {
      const names = (await this.#names(prefix)).filter((name) => name.startsWith(prefix) && name > after).sort();
      const found: ListedBlob[] = [];
      for (const name of names) {
        if (found.length >= limit) break;
        const listed = await this.#listed(name);
        if (listed !== undefined) found.push(listed);
      }
      return found;
    });
  }

  ping(): Promise<void> {
    return this.#run(async () => {
      const path = join(this.#root, INCOMING, this.#random.id());
      await (await open(path, 'wx', 0o600)).close();
      await rm(path);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#running]);
  }

  #path(name: BlobName): string {
    return join(this.#root, toPath(name));
  }

  async #info(name: BlobName): Promise<BlobInfo | undefined> {
    const found = await readBlobFile(this.#path(name), 'header');
    return found && toInfo(name, found.header);
  }

  /** A damaged file is listed by what the file system says of it: whoever lists the others must not fail for it. */
  async #listed(name: BlobName): Promise<ListedBlob | undefined> {
    try {
      const info = await this.#info(name);
      return info && { ...info, writtenAt: Number(BigInt(info.generation) / 1000n) };
    } catch (error) {
      const found = await lstat(this.#path(name)).catch(() => undefined);
      if (!found?.isFile()) throw error;
      const { size, mtimeMs } = found;
      return { name, size, contentType: 'application/octet-stream', generation: '0', writtenAt: Math.floor(mtimeMs) };
    }
  }

  async #write(name: BlobName, bytes: Uint8Array, options: { readonly contentType: string } & Conditions) {
    const current = await this.#info(name);
    if (current !== undefined) this.#keepAbove(current);
    if (options.ifGeneration !== undefined) requireGeneration(name, current, options.ifGeneration);
    const incoming = join(this.#root, INCOMING, this.#random.id());
    const path = this.#path(name);
    try {
      const header = await writeBlobFile(incoming, bytes, options.contentType, (us) => this.#nextGeneration(us));
      await makeFolders(this.#root, dirname(path));
      if (options.ifGeneration === 'absent') await linkNew(incoming, path);
      else await rename(incoming, path);
      await settleFolder(path);
      return toInfo(name, header);
    } finally {
      // After the rename there is nothing left to remove, and a failure here must not hide what was done.
      await rm(incoming, { force: true }).catch(() => {});
    }
  }

  #keepAbove(info: BlobInfo): void {
    const generation = BigInt(info.generation);
    if (generation > this.#lastGeneration) this.#lastGeneration = generation;
  }

  #nextGeneration(createdUs: bigint): string {
    this.#lastGeneration = createdUs > this.#lastGeneration ? createdUs : this.#lastGeneration + 1n;
    return this.#lastGeneration.toString();
  }

  async #names(prefix: string): Promise<BlobName[]> {
    const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
    if (prefix.includes('/') && !isBlobName(folder)) return [];
    const below = folder === '' ? this.#root : dirname(this.#path(`${folder}/x`));
    const entries = await readdir(below, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
      throw error;
    });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.#root, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .flatMap((path) => toName(path) ?? []);
  }

  #inTurn<T>(name: BlobName, task: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const run = this.#run(async () => {
      await before;
      return task();
    });
    const turn = run.then(
      () => {},
      () => {},
    );
    this.#turns.set(name, turn);
    void turn.then(() => {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    });
    return run;
  }

  /** Tried again by the next call where it failed. */
  #prepared(): Promise<void> {
    this.#ready ??= prepareFolder(join(this.#root, INCOMING), this.#random).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Failure('closed', 'the blob folder is closed');
    const running = this.#prepared().then(task);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure('blobsUnavailable', `the blob folder ${this.#root} failed`, { cause: error });
    } finally {
      this.#running.delete(running);
    }
  }
}

function toInfo(name: BlobName, header: BlobHeader): BlobInfo {
  return { name, size: header.size, contentType: header.contentType, generation: header.generation };
}

function requireGeneration(name: BlobName, current: BlobInfo | undefined, wanted: string | 'absent'): void {
  if ((current?.generation ?? 'absent') !== wanted) {
    throw new Failure('preconditionFailed', `blob ${name} is not at the generation asked for`);
  }
}
