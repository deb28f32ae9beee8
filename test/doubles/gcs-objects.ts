import { createHash } from 'node:crypto';
import { CRC32C } from '@google-cloud/storage';

/** An object as the bucket keeps it. */
export type StoredObject = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly generation: string;
  readonly timeCreated: string;
};

export type UploadMetadata = {
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly crc32c?: string;
  readonly md5Hash?: string;
};

/** An error answer of the service. */
export class GcsError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }

  toJson(): object {
    const { message, reason, status } = this;
    return { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } };
  }
}

/** The objects of one bucket, with the service's rules for generations and preconditions. */
export class GcsObjects {
  readonly bucket: string;
  readonly #objects = new Map<string, StoredObject>();
  #generation = 1_700_000_000_000_000n;

  constructor(bucket: string) {
    this.bucket = bucket;
  }

  /** `ifGenerationMatch`: `'0'` asks for absence, as on the wire. */
  insert(name: string, bytes: Buffer, upload: UploadMetadata, ifGenerationMatch: string | null): StoredObject {
    this.#check(name, ifGenerationMatch);
    const hashes = hashesOf(bytes);
    if (upload.crc32c !== undefined && upload.crc32c !== hashes.crc32c) {
      throw new GcsError(400, 'invalid', `Provided CRC32C "${upload.crc32c}" doesn't match calculated CRC32C.`);
    }
    if (upload.md5Hash !== undefined && upload.md5Hash !== hashes.md5Hash) {
      throw new GcsError(400, 'invalid', `Provided MD5 hash "${upload.md5Hash}" doesn't match calculated MD5 hash.`);
    }
    const stored: StoredObject = {
      name,
      bytes,
      contentType: upload.contentType ?? 'application/octet-stream',
      metadata: upload.metadata ?? {},
      generation: this.#nextGeneration(),
      timeCreated: new Date().toISOString(),
    };
    this.#objects.set(name, stored);
    return stored;
  }

  read(name: string, generation: string | null): StoredObject {
    const stored = this.#objects.get(name);
    if (stored === undefined || (generation !== null && generation !== stored.generation)) throw this.#noSuch(name);
    return stored;
  }

  delete(name: string, ifGenerationMatch: string | null): void {
    const stored = this.read(name, null);
    this.#check(stored.name, ifGenerationMatch);
    this.#objects.delete(name);
  }

  /** Names from `start` on, ascending by bytes. */
  list(prefix: string, start: string): StoredObject[] {
    return [...this.#objects.values()]
      .filter(({ name }) => name.startsWith(prefix) && Buffer.compare(Buffer.from(name), Buffer.from(start)) >= 0)
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  #check(name: string, ifGenerationMatch: string | null): void {
    if (ifGenerationMatch === null) return;
    if (!/^\d+$/.test(ifGenerationMatch)) {
      throw new GcsError(400, 'invalidParameter', `Invalid value for ifGenerationMatch: ${ifGenerationMatch}`);
    }
    if ((this.#objects.get(name)?.generation ?? '0') !== ifGenerationMatch) {
      throw new GcsError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
    }
  }

  #noSuch(name: string): GcsError {
    return new GcsError(404, 'notFound', `No such object: ${this.bucket}/${name}`);
  }

  #nextGeneration(): string {
    this.#generation += 1_234n;
    return this.#generation.toString();
  }
}

const hashes = new WeakMap<Buffer, { crc32c: string; md5Hash: string }>();

export function hashesOf(bytes: Buffer): { crc32c: string; md5Hash: string } {
  let found = hashes.get(bytes);
  if (found === undefined) {
    const crc = new CRC32C();
    crc.update(bytes);
    found = { crc32c: crc.toString(), md5Hash: createHash('md5').update(bytes).digest('base64') };
    hashes.set(bytes, found);
  }
  return found;
}
