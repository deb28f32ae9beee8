import { Failure } from '../../ports/failure.ts';
import {
  ABORTED,
  CANCELLED,
  DEADLINE_EXCEEDED,
  INTERNAL,
  INVALID_ARGUMENT,
  OUT_OF_RANGE,
  RESOURCE_EXHAUSTED,
  type RpcError,
  UNAVAILABLE,
  UNKNOWN,
} from '../grpc/rpc-error.ts';

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
