import type { Bucket, File } from '@google-cloud/storage';
import type { BlobInfo, BlobName, DirectBlobs, SignedUpload } from '../../ports/blobs.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import { assertBlobName, assertContentType } from './blob-name.ts';
import type { Try } from './gcs-call.ts';
import { isMissingObject, statusOf } from './gcs-errors.ts';
import { toInfo } from './gcs-wire.ts';

export type DirectParts = {
  readonly bucket: Bucket;
  /** With the `/` after it; goes before every name. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly call: <T>(what: string, attempt: Try<T>) => Promise<T>;
};

const BYTES = 'application/octet-stream';

/**
 * Signed URLs (V4), and copies inside Cloud Storage. To sign takes the key of a service account, or the right to have the IAM service sign for it; without either
 * a URL fails with `blobsUnavailable`.
 */
export function createGcsDirect({ bucket, prefix, clock, call }: DirectParts): DirectBlobs {
  const file = (name: BlobName, options = {}): File => bucket.file(prefix + name, options);
  const times = (until: number) => ({ version: 'v4', accessibleAt: clock.now(), expires: until }) as const;
  return {
    uploadUrl(name, { maxBytes, until }): Promise<SignedUpload> {
      assertBlobName(name);
      const headers = { 'x-goog-content-length-range': `1,${maxBytes}`, 'x-goog-if-generation-match': '0' };
      return call(`sign an upload of ${name}`, async () => {
        const write = { action: 'write', contentType: BYTES, extensionHeaders: headers } as const;
        const [url] = await file(name).getSignedUrl({ ...times(until), ...write });
        return { url, headers: { 'content-type': BYTES, ...headers } };
      });
    },

    downloadUrl(name, { until, contentType, disposition }): Promise<string> {
      assertBlobName(name);
      return call(`sign a download of ${name}`, async () => {
        const read = { action: 'read', responseType: contentType, responseDisposition: disposition } as const;
        const [url] = await file(name).getSignedUrl({ ...times(until), ...read });
        return url;
      });
    },

    copy(from, generation, to, contentType): Promise<BlobInfo> {
      assertBlobName(from);
      assertBlobName(to);
      assertContentType(contentType);
      return call(`copy ${from}`, async () => {
        try {
          const [copied] = await file(from, { generation }).copy(file(to), { contentType });
          const [metadata] = await copied.getMetadata();
          return toInfo(to, metadata);
        } catch (error) {
          if (!isMissingObject(error) && statusOf(error) !== 412) throw error;
          throw new Failure('preconditionFailed', `blob ${from} is not at the generation asked for`);
        }
      });
    },
  };
}
