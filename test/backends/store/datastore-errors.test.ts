import assert from 'node:assert/strict';
import { RpcError, toRpcError } from '../../../src/backends/grpc/rpc-error.ts';
import { leavesDoubt, toFailure, troubleOf } from '../../../src/backends/store/datastore-errors.ts';

describe('errors of Datastore', () => {
  const trouble = (code: number, message = ''): string => troubleOf(new RpcError(code, message));

  it('[ST33] takes a lost transaction for contention, in the words of the service and of both emulators', () => {
    for (const message of [
      'The referenced transaction has expired or is no longer valid.',
      'transaction has expired or is invalid',
      'Transaction is invalid or closed.',
      'Invalid transaction.',
    ]) {
      assert.equal(trouble(3, message), 'contended', message);
    }
    assert.equal(trouble(10), 'contended');
  });

  it('[ST32] takes for refused what is said about the records themselves', () => {
    const messages = ['The value of property "due" is longer than 1500 bytes.', 'operating on too many entity groups'];
    assert.deepEqual(
      messages.map((message) => trouble(3, message)),
      ['refused', 'refused'],
    );
    assert.equal(trouble(8, 'Received message exceeds 4194304'), 'refused');
    assert.equal(trouble(8, 'Quota exceeded.'), 'overloaded');
  });

  it('[ST34] holds a commit for perhaps applied after no answer or a cut stream, never after a refusal', () => {
    const doubt = (code: number, message = ''): boolean => leavesDoubt(new RpcError(code, message));
    assert.deepEqual(
      [1, 2, 4, 13, 14].map((code) => doubt(code)),
      [true, true, true, true, true],
    );
    assert.deepEqual(
      [3, 7, 8, 9, 10, 16].map((code) => doubt(code)),
      [false, false, false, false, false, false],
    );
    assert.equal(doubt(8, 'Received RST_STREAM with code 11'), true);
  });

  it('[ST36] keeps the cause, and takes an error of unknown origin for a passing one', () => {
    const odd = new TypeError('odd');
    const failure = toFailure(toRpcError(odd));
    assert.deepEqual([failure.code, failure.unclear], ['storeUnavailable', false]);
    assert(failure.cause instanceof RpcError && failure.cause.cause === odd);
    assert.equal(toRpcError('closed').message, 'closed');
  });
});
