/** Status codes of gRPC. */
const UNKNOWN = 2;
export const DEADLINE_EXCEEDED = 4;
export const NOT_FOUND = 5;
export const ALREADY_EXISTS = 6;
export const UNAVAILABLE = 14;

/** A request to Pub/Sub failed. `code` as in gRPC; `UNKNOWN` where the error came from elsewhere. */
export class PubsubError extends Error {
  readonly code: number;

  constructor(code: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PubsubError';
    this.code = code;
  }
}

export function toPubsubError(error: unknown): PubsubError {
  if (error instanceof PubsubError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : UNKNOWN;
  return new PubsubError(code, error instanceof Error ? error.message : String(error), error);
}

/** For the log: whole errors of the driver carry its requests, and stacks that say nothing of the cause. */
export function describeTrouble(error: unknown): { readonly code: number; readonly detail: string } {
  const { code, message } = toPubsubError(error);
  return { code, detail: message };
}
