import { Failure } from '../../ports/failure.ts';

/** Requests that the service may answer well if they are sent again. */
const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/** The HTTP status of an error of the client library, if it has one. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : undefined;
}

/** A bucket that is not there must not look like blobs that are not there. */
export function isMissingObject(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && !/bucket does not exist/i.test(error.message);
}

/** Also without a status: a connection that broke, an answer that did not match its checksum. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || TRANSIENT_STATUS.has(status);
}

export function toFailure(error: unknown, what: string, unclear: boolean): Failure {
  if (error instanceof Failure) return error;
  const status = statusOf(error);
  const why = status === undefined ? 'no good answer' : `status ${status}`;
  return new Failure('blobsUnavailable', `${what}: ${why} from Cloud Storage`, { unclear, cause: error });
}
