import assert from 'node:assert/strict';
import { Permits } from '../../../src/core/limits/permits.ts';
import { SharedBytes } from '../../../src/core/limits/shared-bytes.ts';
import { ProblemError } from '../../../src/protocol/errors.ts';

const KIB = 1024;

describe('bytes that wait for their readers', () => {
  it('[LI47] count once for all who are sent them, until the last has taken them', () => {
    const bytes = new SharedBytes(new Permits('bytes', 200 * KIB, () => 1_000));
    const [one, other] = [Buffer.alloc(100 * KIB), Buffer.alloc(101 * KIB)];
    const taken = [bytes.enter(one), bytes.enter(one), bytes.enter(one)];
    assert.equal(bytes.inUse, one.length);
    assert.throws(() => bytes.enter(other), ProblemError);
    taken[0]?.();
    taken[0]?.();
    taken[1]?.();
    assert.equal(bytes.inUse, one.length);
    taken[2]?.();
    assert.equal(bytes.inUse, 0);
    bytes.enter(other)?.();
    assert.equal(bytes.inUse, 0);
  });

  it('[LI47] small ones do not count', () => {
    const bytes = new SharedBytes(new Permits('bytes', 10, () => 1_000));
    assert.equal(bytes.enter(Buffer.alloc(60 * KIB)), undefined);
    assert.equal(bytes.inUse, 0);
  });
});
