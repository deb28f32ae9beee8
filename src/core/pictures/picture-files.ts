import { type Life, lifePrefix, picturesPrefix } from '../../model/keys.ts';
import { decodePointer, encodePointer, type PicturePointer, type StoredPicture } from '../../model/raster-record.ts';
import type { BlobName, Blobs } from '../../ports/blobs.ts';
import { isFailure } from '../../ports/failure.ts';

const PNG = { contentType: 'image/png' };
const POINTER = 'newest';
const PAGE = 500;
/** A pointer that others keep moving points to something newer each time. */
const TURNS = 20;
const VERSION_DIGITS = 16;

/**
 * Pictures as they are stored: one blob for each version, which never changes, and a pointer to the newest, which only moves up. Names tell version, index and lineage.
 */
export class PictureFiles {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** The picture first, then the pointer. Whoever comes late leaves the pointer where it is. */
  async put(life: Life, pointer: PicturePointer, png: Uint8Array): Promise<void> {
    try {
      await this.#blobs.put(nameOf(life, pointer), png, { ...PNG, ifGeneration: 'absent' });
    } catch (error) {
      if (!isFailure(error, 'preconditionFailed')) throw error; // it is there already
    }
    const name = pointerName(life);
    for (let turn = 0; turn < TURNS; turn++) {
      const stands = await this.#blobs.get(name);
      if (stands && decodePointer(stands.bytes).version >= pointer.version) return;
      try {
        const ifGeneration = stands?.info.generation ?? 'absent';
        await this.#blobs.put(name, encodePointer(pointer), { contentType: 'application/json', ifGeneration });
        return;
      } catch (error) {
        if (!isFailure(error, 'preconditionFailed')) throw error;
      }
    }
  }

  async newest(life: Life): Promise<PicturePointer | undefined> {
    const found = await this.#blobs.get(pointerName(life));
    return found && decodePointer(found.bytes);
  }

  /** The newest picture, if it is `wanted`. One that a newer pointer has overtaken may be gone; then that one is looked at. */
  async readNewest(
    life: Life,
    wanted: (pointer: PicturePointer) => Promise<boolean>,
  ): Promise<{ readonly newest: PicturePointer; readonly bytes: Buffer } | undefined> {
    for (let turn = 0; turn < TURNS; turn++) {
      const newest = await this.newest(life);
      if (!newest || !(await wanted(newest))) return undefined;
      const bytes = await this.read(life, newest);
      if (bytes) return { newest, bytes };
      if ((await this.newest(life))?.version === newest.version) return undefined;
    }
    return undefined;
  }

  async read(life: Life, picture: StoredPicture): Promise<Buffer | undefined> {
    return (await this.#blobs.get(nameOf(life, picture)))?.bytes;
  }

  /** Stored pictures with a higher version than `after`, ascending. */
  async list(life: Life, after: number, limit: number): Promise<StoredPicture[]> {
    const prefix = lifePrefix(life);
    const found = await this.#blobs.list(prefix, `${prefix}${padded(after)}-~`, limit + 1);
    return found.flatMap(({ name }) => pictureOf(name) ?? []).slice(0, limit);
  }

  async at(life: Life, version: number): Promise<StoredPicture | undefined> {
    const [found] = await this.list(life, version - 1, 1);
    return found?.version === version ? found : undefined;
  }

  removeLife(life: Life): Promise<boolean> {
    return this.#remove(lifePrefix(life), () => true);
  }

  /** All pictures of a space; `false`: there are more. */
  clear(space: string, goOn: () => boolean): Promise<boolean> {
    return this.#remove(picturesPrefix(space), goOn);
  }

  async #remove(prefix: string, goOn: () => boolean): Promise<boolean> {
    for (;;) {
      const names = await this.#blobs.list(prefix, '', PAGE);
      for (const { name } of names) {
        if (!goOn()) return false;
        await this.#blobs.delete(name);
      }
      if (names.length < PAGE) return true;
    }
  }
}

function nameOf(life: Life, { version, index, lineage }: StoredPicture): string {
  return `${lifePrefix(life)}${padded(version)}-${index}-${lineage}`;
}

function pointerName(life: Life): string {
  return pointerOf(lifePrefix(life));
}

/** The prefix of the life that this blob belongs to. */
export function lifeOf(name: BlobName): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

export function pointerOf(life: string): BlobName {
  return life + POINTER;
}

function padded(version: number): string {
  return String(version).padStart(VERSION_DIGITS, '0');
}

/** `undefined`: it is none, but the pointer. */
export function pictureOf(name: BlobName): StoredPicture | undefined {
  const [version, index, lineage] = name.slice(name.lastIndexOf('/') + 1).split('-');
  return lineage === undefined ? undefined : { version: Number(version), index: Number(index), lineage };
}
