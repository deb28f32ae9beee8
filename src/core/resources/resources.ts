import { resourceBlobName, resourceRowKey, spaceRowKey, usageRowKey } from '../../model/keys.ts';
import { decodeResourceRow, decodeUsageRow } from '../../model/resource-row.ts';
import type { Blobs } from '../../ports/blobs.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Images } from '../../ports/images.ts';
import type { Log } from '../../ports/log.ts';
import type { Metrics } from '../../ports/metrics.ts';
import type { Random } from '../../ports/random.ts';
import type { Store } from '../../ports/store.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import { MAX_IMAGE_PIXELS, MAX_RESOURCE_BYTES, MAX_RESOURCES } from '../../protocol/limits.ts';
import type { Resource, ResourceHash, ResourceUsage } from '../../protocol/resources.ts';
import { RetryLater } from '../context.ts';
import type { SpaceSettingsSource } from '../people-types.ts';
import { decideArrival, decideGone, decideHere, decideUpload, type Over } from './resource-changes.ts';
import { sniffImage } from './sniff.ts';

export type ResourceParts = {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly images: Images;
  readonly settings: SpaceSettingsSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What the resources of one space may take up; a space can be given less. */
  readonly spaceBytes: number;
};

export type Kept = { readonly created: boolean; readonly resource: Resource };

/** Turns of one upload against sweeps that delete the same resource; each of those needs a week of nobody naming it. */
const MAX_TURNS = 4;
const OCTETS = 'application/octet-stream';

/**
 * Bytes by their SHA-256, for each space by itself. The record in the store counts and decides; the blob has the bytes. A record is made
 * before its blob and goes after it, so that all blobs are counted.
 */
export class Resources {
  readonly #parts: ResourceParts;

  constructor(parts: ResourceParts) {
    this.#parts = parts;
  }

  /** Keeps the bytes. Throws `ProblemError` for an image that is none and for a full space, else what kept store or blobs from answering. */
  async put(space: SpaceId, bytes: Buffer, hash: ResourceHash): Promise<Kept> {
    const resource = await this.describe(bytes, hash, bytes.length);
    return this.keep(space, resource, async (name) => {
      await this.#parts.blobs.put(name, bytes, { contentType: resource.type });
    });
  }

  /** `bytes`: at least the first of them, and of an image all. */
  async describe(bytes: Buffer, hash: ResourceHash, size: number): Promise<Resource> {
    const type = sniffImage(bytes);
    if (type === undefined) return { hash, type: OCTETS, size };
    if (bytes.length < size)
      throw new ProblemError('badImage', `an image may have at most ${MAX_RESOURCE_BYTES} bytes`);
    const measured = await this.#parts.images.measure(bytes, type);
    if (measured === undefined || measured.width * measured.height > MAX_IMAGE_PIXELS) {
      const detail = `the bytes begin as ${type}, but are none that can be read, or of more than ${MAX_IMAGE_PIXELS} pixels`;
      throw new ProblemError('badImage', detail);
    }
    return { hash, type, size, width: measured.width, height: measured.height };
  }

  /** Counts the resource, has `place` write its blob, then shows it. `roomBytes`: what was counted for it already. */
  async keep(
    space: SpaceId,
    resource: Resource,
    place: (blobName: string) => Promise<void>,
    roomBytes = 0,
  ): Promise<Kept> {
    const { store, blobs, clock } = this.#parts;
    const { hash } = resource;
    const name = resourceBlobName(space, hash);
    const keys = [resourceRowKey(space, hash), usageRowKey(space), spaceRowKey(space)];
    let created = false;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const quotaBytes = (await this.#quotaOf(space)) + roomBytes;
      const arrival = await store.transact(keys, decideArrival(space, resource, { quotaBytes, now: clock.now() }));
      if (typeof arrival === 'object') throw full(arrival, quotaBytes - roomBytes);
      created ||= arrival === 'new';
      // Written without a condition also where an older upload may have been: a sweep deletes only the generation that it has seen.
      const there =
        arrival === 'known' &&
        (await this.find(space, resource.hash as ResourceHash)) &&
        (await blobs.info(name)) !== undefined;
      if (!there) await place(name);
      if (await store.transact([resourceRowKey(space, hash)], decideHere({ space, hash })))
        return { created, resource };
    }
    throw new RetryLater('contention', 1_000);
  }

  /** `undefined`: there is no such resource, or not yet. */
  async find(space: SpaceId, hash: ResourceHash): Promise<Resource | undefined> {
    const [record] = await this.#parts.store.read([resourceRowKey(space, hash)]);
    const row = record && decodeResourceRow(record);
    if (row?.state !== 'here') return undefined;
    const { type, size, width, height } = row;
    return { hash, type, size, ...(width === undefined || height === undefined ? {} : { width, height }) };
  }

  /** Bytes `start..end` (inclusive) of a resource that was found; `undefined` where it has gone meanwhile. */
  async read(
    space: SpaceId,
    hash: ResourceHash,
    range: { readonly start: number; readonly end: number },
  ): Promise<Buffer | undefined> {
    return (await this.#parts.blobs.get(resourceBlobName(space, hash), range))?.bytes;
  }

  async usage(space: SpaceId): Promise<ResourceUsage> {
    const [record] = await this.#parts.store.read([usageRowKey(space)]);
    const { count, bytes } = decodeUsageRow(record);
    return { count, bytes, quotaBytes: await this.#quotaOf(space), maxCount: MAX_RESOURCES };
  }

  /** Counts an upload of at most `size` bytes, before it is there. */
  async makeRoom(space: SpaceId, upload: string, size: number): Promise<void> {
    const { store, clock } = this.#parts;
    const keys = [resourceRowKey(space, upload), usageRowKey(space), spaceRowKey(space)];
    const quotaBytes = await this.#quotaOf(space);
    const outcome = await store.transact(keys, decideUpload(space, upload, size, { quotaBytes, now: clock.now() }));
    if (typeof outcome === 'object') throw full(outcome, quotaBytes);
  }

  /** What was counted for an upload; `undefined`: there is none of this name. */
  async roomOf(space: SpaceId, upload: string): Promise<number | undefined> {
    const [record] = await this.#parts.store.read([resourceRowKey(space, upload)]);
    const row = record && decodeResourceRow(record);
    return row?.state === 'arriving' ? row.size : undefined;
  }

  async giveUpRoom(space: SpaceId, upload: string): Promise<void> {
    const keys = [resourceRowKey(space, upload), usageRowKey(space)];
    await this.#parts.store.transact(keys, decideGone({ space, hash: upload }, 'arriving'));
  }

  async #quotaOf(space: SpaceId): Promise<number> {
    const { settings, spaceBytes } = this.#parts;
    const { quotaBytes = spaceBytes } = settings.known(space) ?? (await settings.load(space));
    return Math.min(quotaBytes, spaceBytes);
  }
}

function full({ over, usage }: Over, quotaBytes: number): ProblemError {
  const detail =
    over === 'count'
      ? `the space has ${MAX_RESOURCES} resources, which is as many as there may be`
      : `the resources of the space have ${usage.bytes} bytes, and together they may have ${quotaBytes}`;
  return new ProblemError('quotaExceeded', detail);
}
