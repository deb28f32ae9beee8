/** Status codes of gRPC. */
export const CANCELLED = 1;
export const UNKNOWN = 2;
export const INVALID_ARGUMENT = 3;
export const DEADLINE_EXCEEDED = 4;
export const NOT_FOUND = 5;
export const ALREADY_EXISTS = 6;
export const RESOURCE_EXHAUSTED = 8;
export const ABORTED = 10;
export const OUT_OF_RANGE = 11;
export const INTERNAL = 13;
export const UNAVAILABLE = 14;

/** A request failed. `code` as in gRPC; `UNKNOWN` where the error came from elsewhere. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RpcError';
    this.code = code;
  }
}

export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : UNKNOWN;
  return new RpcError(code, messageOf(error), error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the log: whole errors of the driver carry its requests, and stacks that say nothing of the cause. */
export function describeTrouble(error: unknown): { readonly code: number; readonly detail: string } {
  const { code, message } = toRpcError(error);
  return { code, detail: message };
}
