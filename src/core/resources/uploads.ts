import { createHash } from 'node:crypto';
import { resourceBlobName, uploadBlobName } from '../../model/keys.ts';
import type { Blobs, DirectBlobs } from '../../ports/blobs.ts';
import { isFailure } from '../../ports/failure.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import { isId } from '../../protocol/ids.ts';
import { MAX_RESOURCE_BYTES, SIGNED_URL_MS } from '../../protocol/limits.ts';
import type { Resource, ResourceHash, ResourceUrl, UploadTicket } from '../../protocol/resources.ts';
import { dispositionOf } from './disposition.ts';
import type { Kept, ResourceParts, Resources } from './resources.ts';
import { SNIFF_BYTES, sniffImage } from './sniff.ts';

/** Bytes of an upload that are read together. */
const PART_BYTES = 4 * 1024 * 1024;
const CHANGED = 'the upload was changed or taken up meanwhile';

/**
 * Resources that go past the server: the blobs give out a signed URL, the client sends the bytes there, the server looks at them afterwards. Until then they
 * have a name of their own, which nobody reads; what was looked at is copied by its generation, so that nothing else can take its place.
 */
export class Uploads {
  readonly #parts: Pick<ResourceParts, 'blobs' | 'clock' | 'random' | 'log'>;
  readonly #resources: Resources;

  constructor(parts: Pick<ResourceParts, 'blobs' | 'clock' | 'random' | 'log'>, resources: Resources) {
    this.#parts = parts;
    this.#resources = resources;
  }

  async begin(space: SpaceId, size: number): Promise<UploadTicket> {
    const { clock, random } = this.#parts;
    const { direct } = this.#offered();
    const upload = random.id();
    await this.#resources.makeRoom(space, upload, size);
    const until = clock.now() + SIGNED_URL_MS;
    const signed = await direct.uploadUrl(uploadBlobName(space, upload), { maxBytes: size, until });
    return { upload, ...signed, expiresInMs: SIGNED_URL_MS };
  }

  /** Looks at what was uploaded, and keeps it as a resource. Sent again after it has ended, it is 404. */
  async finish(space: SpaceId, upload: string): Promise<Kept> {
    const { direct, blobs } = this.#offered();
    const room = isId(upload) ? await this.#resources.roomOf(space, upload) : undefined;
    const name = uploadBlobName(space, upload);
    const info = room === undefined ? undefined : await blobs.info(name);
    if (room === undefined || info === undefined) {
      throw new ProblemError('notFound', 'nothing was uploaded under this name, or it was taken up already');
    }
    const { hash, head } = await this.#look(name, info);
    const resource = await this.#resources.describe(head, hash, info.size);
    const kept = await this.#resources.keep(
      space,
      resource,
      async (to) => {
        await direct.copy(name, info.generation, to, resource.type).catch(changed);
      },
      room,
    );
    await this.#discard(space, upload, info.generation);
    return kept;
  }

  /** `undefined`: there is no such resource. */
  async url(space: SpaceId, hash: ResourceHash): Promise<ResourceUrl | undefined> {
    const { direct } = this.#offered();
    const resource = await this.#resources.find(space, hash);
    return resource && { url: await this.#urlOf(direct, space, resource), expiresInMs: SIGNED_URL_MS };
  }

  /** Where a resource that is too large to pass through a server is to be fetched; `undefined` where it has to pass all the same. */
  async detour(space: SpaceId, resource: Resource): Promise<string | undefined> {
    const { direct } = this.#parts.blobs;
    if (direct === undefined || resource.size <= MAX_RESOURCE_BYTES) return undefined;
    return this.#urlOf(direct, space, resource);
  }

  #urlOf(direct: DirectBlobs, space: SpaceId, resource: Resource): Promise<string> {
    const until = this.#parts.clock.now() + SIGNED_URL_MS;
    const disposition = dispositionOf(resource);
    return direct.downloadUrl(resourceBlobName(space, resource.hash), {
      until,
      contentType: resource.type,
      disposition,
    });
  }

  /** The hash of all bytes, and as many of them as it takes to know the type and, of an image, its size. */
  async #look(
    name: string,
    { size, generation }: { readonly size: number; readonly generation: string },
  ): Promise<{ readonly hash: ResourceHash; readonly head: Buffer }> {
    const digest = createHash('sha256');
    const parts: Buffer[] = [];
    let image = false;
    for (let start = 0; start < size; start += PART_BYTES) {
      const found = await this.#parts.blobs.get(name, { start, end: start + PART_BYTES - 1 });
      if (found?.info.generation !== generation) throw new ProblemError('conflict', CHANGED);
      digest.update(found.bytes);
      if (start === 0) {
        image = sniffImage(found.bytes) !== undefined && size <= MAX_RESOURCE_BYTES;
        if (!image) parts.push(found.bytes.subarray(0, SNIFF_BYTES));
      }
      if (image) parts.push(found.bytes);
    }
    return { hash: digest.digest('hex') as ResourceHash, head: Buffer.concat(parts) };
  }

  /** What stays is found by the sweep. */
  async #discard(space: SpaceId, upload: string, generation: string): Promise<void> {
    try {
      await this.#parts.blobs.delete(uploadBlobName(space, upload), { ifGeneration: generation });
      await this.#resources.giveUpRoom(space, upload);
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#parts.log.warn({ error: String(error) }, 'an upload that was taken up could not be deleted');
    }
  }

  #offered(): { readonly blobs: Blobs; readonly direct: DirectBlobs } {
    const { blobs } = this.#parts;
    const { direct } = blobs;
    if (direct === undefined) {
      throw new ProblemError('notOffered', 'resources pass through this server; its blobs have no signed URLs');
    }
    return { blobs, direct };
  }
}

function changed(error: unknown): never {
  throw isFailure(error, 'preconditionFailed') ? new ProblemError('conflict', CHANGED) : error;
}
