import { Failure } from '../../ports/failure.ts';

/** Status codes of gRPC. */
export const CANCELLED = 1;
export const UNKNOWN = 2;
export const INVALID_ARGUMENT = 3;
export const DEADLINE_EXCEEDED = 4;
export const RESOURCE_EXHAUSTED = 8;
export const ABORTED = 10;
export const OUT_OF_RANGE = 11;
export const INTERNAL = 13;
export const UNAVAILABLE = 14;

/** A request to Datastore failed. `code` as in gRPC; `UNKNOWN` where the error came from elsewhere. */
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
  return new RpcError(code, error instanceof Error ? error.message : String(error), error);
}

/**
 * What an error means for the caller:
 *
 * - `contended`: others were faster, nothing was applied; begin again.
 * - `transient`: no answer, or the service stumbled; a commit may have been applied.
 * - `overloaded`: turned away, nothing was applied; come back later and with less.
 * - `refused`: this very request will never be accepted, nothing was applied.
 * - `broken`: refused for what no retry heals (permission, no such database), nothing was applied.
 */
export type Trouble = 'contended' | 'transient' | 'overloaded' | 'refused' | 'broken';

/** The service reports a transaction that has expired or that it forgot as an invalid argument. */
const LOST_TRANSACTION = /transaction (has expired|is invalid)|no longer valid|invalid transaction/i;
/** The emulator answers a commit beyond its 4 MiB with this code, or with a bare cancellation. */
const TOO_LARGE = /exceeds|too (large|big)|larger than/i;

/** gRPC reports a stream that was cut off for load with the code of a refusal. */
const CUT_OFF = /RST_STREAM/;

export function troubleOf({ code, message }: RpcError): Trouble {
  switch (code) {
    case ABORTED:
      return 'contended';
    case INVALID_ARGUMENT:
      return LOST_TRANSACTION.test(message) ? 'contended' : 'refused';
    case OUT_OF_RANGE:
      return 'refused';
    case RESOURCE_EXHAUSTED:
      return TOO_LARGE.test(message) ? 'refused' : 'overloaded';
    case CANCELLED:
    case UNKNOWN:
    case DEADLINE_EXCEEDED:
    case INTERNAL:
    case UNAVAILABLE:
      return 'transient';
    default:
      return 'broken';
  }
}

/** May a commit that ended with this error have been applied all the same? */
export function leavesDoubt(error: RpcError): boolean {
  return troubleOf(error) === 'transient' || CUT_OFF.test(error.message);
}

export function toFailure(error: RpcError, unclear = false): Failure {
  const trouble = troubleOf(error);
  const code =
    trouble === 'overloaded' ? 'storeOverloaded' : trouble === 'refused' ? 'storeRefused' : 'storeUnavailable';
  return new Failure(code, `Datastore: ${error.message}`, { cause: error, unclear });
}
