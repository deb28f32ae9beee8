import type { Delta } from '../../model/head.ts';
import {
  archiveBlobName,
  archiveListedAfter,
  archivePrefix,
  type Life,
  lifeArchivePrefix,
  type Segment,
} from '../../model/keys.ts';
import { decodeOps } from '../../model/ops-record.ts';
import { decodeRecord, encodeRecord } from '../../model/record.ts';
import type { Blobs } from '../../ports/blobs.ts';
import { isFailure } from '../../ports/failure.ts';

/** Where the oldest archived operations are. */
export type ArchiveConfig = {
  readonly blobs: Blobs;
  /** How long after they were written they are moved there; absent: never. What is there is read all the same. */
  readonly afterMs?: number;
};

/** A segment as a blob. It tells what it is: names hold hashes of space and item. */
export type ArchiveFile = Segment & {
  /** As it was in the store. */
  readonly data: string;
};

const TYPE = { contentType: 'application/octet-stream' };
const PAGE = 500;
/** Somebody else writes or deletes the same blob at the same time. */
const TURNS = 5;

/** The oldest archived operations: a blob for each segment that came out of the store. It is written once, and goes with the life of its item. */
export class ArchiveFiles {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** Settles when exactly this is there. A segment does not change; what stands there and is another one was left by a space that is long gone. */
  async put(segment: Segment, data: string): Promise<void> {
    const { space, item, born, first } = segment;
    const bytes = encodeRecord({ space, item, born, first, data } satisfies ArchiveFile);
    const name = archiveBlobName(segment);
    let ifGeneration: string = 'absent';
    for (let turn = 0; turn < TURNS; turn++) {
      try {
        await this.#blobs.put(name, bytes, { ...TYPE, ifGeneration });
        return;
      } catch (error) {
        if (!isFailure(error, 'preconditionFailed')) throw error;
      }
      const stands = await this.#blobs.get(name);
      if (stands?.bytes.equals(bytes)) return;
      ifGeneration = stands?.info.generation ?? 'absent';
    }
    throw new Error('an archive blob keeps changing');
  }

  /** The newest segment that begins at the index or before. */
  async at(
    life: Life,
    index: number,
  ): Promise<{ readonly name: string; read(): Promise<string | undefined> } | undefined> {
    const [found] = await this.#blobs.list(lifeArchivePrefix(life), archiveListedAfter(life, index), 1);
    return found && { name: found.name, read: async () => (await this.#read(found.name))?.data };
  }

  async remove(segment: Segment): Promise<void> {
    await this.#blobs.delete(archiveBlobName(segment));
  }

  async endLife(life: Life): Promise<void> {
    for await (const name of this.#names(lifeArchivePrefix(life))) await this.#blobs.delete(name);
  }

  /** All that there are; of a space; of an item. `read` throws what is not whole. */
  async *all(
    space?: string,
    item?: string,
  ): AsyncGenerator<{ readonly name: string; read(): Promise<ArchiveFile | undefined> }> {
    for await (const name of this.#names(archivePrefix(space, item))) {
      const read = async (): Promise<ArchiveFile | undefined> => {
        const file = await this.#read(name);
        if (file) requireWhole(name, file);
        return file;
      };
      yield { name, read };
    }
  }

  /** Settles where what failed is one segment. Where blobs or store are away, all would fail: then it throws why. */
  async requireOthersWork(error: unknown): Promise<void> {
    if (isFailure(error, 'blobsUnavailable')) await this.#blobs.ping();
    else if (isFailure(error, 'storeUnavailable', 'storeOverloaded', 'closed')) throw error;
  }

  async *#names(prefix: string): AsyncGenerator<string> {
    for (let after = ''; ; ) {
      const page = await this.#blobs.list(prefix, after, PAGE);
      for (const { name } of page) yield name;
      after = page.at(-1)?.name ?? '';
      if (page.length < PAGE) return;
    }
  }

  async #read(name: string): Promise<ArchiveFile | undefined> {
    const found = await this.#blobs.get(name);
    return found && (decodeRecord(found.bytes, 'archive') as unknown as ArchiveFile);
  }
}

function requireWhole(name: string, file: ArchiveFile): void {
  const deltas: readonly Delta[] | undefined = decodeOps({ data: file.data, indexes: {} });
  if (archiveBlobName(file) !== name || (deltas?.[0]?.i ?? 0) < file.first)
    throw new Error('it holds other operations than its name says');
}
