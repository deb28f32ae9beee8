/** A name of a blob: segments of `[A-Za-z0-9._~-]` joined by `/`, none of them only dots, at most 512 bytes. */
export type BlobName = string;

export type BlobInfo = {
  readonly name: BlobName;
  readonly size: number;
  readonly contentType: string;
  /** Names one content under this name; rises with every write. */
  readonly generation: string;
};

/** `writtenAt`: when this generation was written, by the backend's own clock, ms since 1970. */
export type ListedBlob = BlobInfo & { readonly writtenAt: number };

export type SignedUpload = { readonly url: string; readonly headers: { readonly [name: string]: string } };

/** Transfers between clients and the backend itself, past this server. */
export interface DirectBlobs {
  /** Whoever sends `PUT url` with these headers before `until` (ms) writes the blob, of 1 to `maxBytes` bytes; only while there is none of this name. */
  uploadUrl(name: BlobName, limits: { readonly maxBytes: number; readonly until: number }): Promise<SignedUpload>;

  /** Whoever sends `GET url` before `until` (ms) reads the blob, with these headers in the answer. */
  downloadUrl(
    name: BlobName,
    options: { readonly until: number; readonly contentType: string; readonly disposition: string },
  ): Promise<string>;

  /** Gives the bytes of one generation of a blob another name and type; they do not pass through here. `preconditionFailed` where that generation is gone. */
  copy(from: BlobName, generation: string, to: BlobName, contentType: string): Promise<BlobInfo>;
}

/**
 * Large bytes: pictures and resources. Laws: a blob is whole or absent, never half; what a call has settled on survives
 * the process. Failures: `blobsUnavailable`, `preconditionFailed`, `closed`.
 */
export interface Blobs {
  /** Absent where the backend has none. */
  readonly direct?: DirectBlobs;

  /** `ifGeneration`: write only over this generation; `'absent'`: only create. Else `preconditionFailed`. */
  put(
    name: BlobName,
    bytes: Uint8Array,
    options: { readonly contentType: string; readonly ifGeneration?: string | 'absent' },
  ): Promise<BlobInfo>;

  /** Bytes `start..end` (inclusive) where a range is asked. `undefined` when absent. */
  get(
    name: BlobName,
    range?: { readonly start: number; readonly end: number },
  ): Promise<{ readonly info: BlobInfo; readonly bytes: Buffer } | undefined>;

  info(name: BlobName): Promise<BlobInfo | undefined>;

  /** `false` when it was absent already. */
  delete(name: BlobName, options?: { readonly ifGeneration?: string }): Promise<boolean>;

  /** Names that begin with `prefix`, ascending, after `after`, at most `limit`. */
  list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]>;

  ping(): Promise<void>;
  close(): Promise<void>;
}
