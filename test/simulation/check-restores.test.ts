import assert from 'node:assert/strict';
import { checkRestores } from './check-restores.ts';
import { type CheckName, History, type Write } from './history.ts';
import { writeOf } from './sample-writes.ts';

/** Rolled back at 100 from v1; what was lost had numbers up to 50. */
const ROLLED_BACK_AT = 100;
const CEIL = 50;

function write(op: string, version: number, more: Partial<Write> = {}): Write {
  return writeOf({ op, item: 's/j0', client: op, seq: 1, version, ...more });
}

/** a and b were lost, and somebody was told that they are restored. */
function found(content: string, more: readonly Write[] = [], item = 's/j0', change?: (history: History) => void) {
  const history = new History();
  for (const each of [write('a', 2, { item }), write('b', 3, { item }), ...more]) history.wrote(each);
  history.rollbacks.push({ item, at: ROLLED_BACK_AT, from: 1, ceil: CEIL });
  history.restores.push({ item, from: 1, ops: ['a', 'b'], invokedAt: 200, endedAt: 210 });
  change?.(history);
  checkRestores(history, { truth: new Map([[item, { version: 60, content }]]), mayBeLostUntil: () => 0 });
  return history.findings.map(({ check }): CheckName => check);
}

describe('the checker of restores', () => {
  it('[SI24] finds nothing where all is there in its order', () => {
    assert.deepEqual(found('+0,a,b'), []);
    assert.deepEqual(found('+0,x,a,b,y'), []);
  });

  it('[SI24] sees what is missing, and what came back in another order', () => {
    assert.deepEqual(found('+0,a'), ['restore']);
    assert.deepEqual(found('+0,b,a'), ['restore']);
  });

  it('[SI24] excuses a delete, another rollback, and a sender that has sent again', () => {
    assert.deepEqual(found('-', [write('d', 52, { deletes: true, endedAt: 300 })]), []);
    const again = (history: History) => history.rollbacks.push({ item: 's/j0', at: 220, from: 55, ceil: 99 });
    assert.deepEqual(found('+0', [], 's/j0', again), []);
    assert.deepEqual(found('+0,b', [write('a0', 1, { client: 'a', seq: 0, sent: 2 })]), []);
    assert.deepEqual(found('+0,b', [write('a0', 1, { client: 'a', seq: 0 })]), ['restore']);
  });

  it('[SI24] sees a register that was set back over a newer value', () => {
    const newer = write('n', 52, { item: 's/r0', invokedAt: 120, endedAt: 130 });
    assert.deepEqual(found('+n', [newer], 's/r0'), []);
    assert.deepEqual(found('+a,n', [newer], 's/r0'), ['restore']);
    assert.deepEqual(found('+0', [], 's/r0'), ['restore', 'restore']);
  });
});
