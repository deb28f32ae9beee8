import assert from 'node:assert/strict';
import { History, type Write } from './history.ts';
import { checkLocks } from './lock-checkers.ts';
import { writeOf } from './sample-writes.ts';

function write(op: string, client: string, version: number, fence?: number): Write {
  return writeOf({ op, item: 'j0', client, seq: version, version, ...(fence === undefined ? {} : { fence }) });
}

function found(prepare: (history: History) => void): number {
  const history = new History();
  prepare(history);
  checkLocks(history);
  assert.ok(history.findings.every(({ check }) => check === 'C8 lock broken'));
  return history.findings.length;
}

describe('the checker of locks', () => {
  /** ann holds from 2 on, bob writes past the lapsed lock, bob is granted 5. */
  const right = [write('a', 'ann', 1), write('b', 'ann', 3, 2), write('c', 'bob', 4), write('d', 'bob', 6, 5)];
  const grants = [
    { item: 'j0', client: 'ann', fence: 2 },
    { item: 'j0', client: 'bob', fence: 5 },
  ];

  it('[SI85] finds nothing in what is right', () => {
    assert.equal(
      found((history) => {
        history.writes.push(...right);
        history.grants.push(...grants);
        history.ends.push({ item: 'j0', version: 6, holder: 'bob' });
        history.takings.push({ item: 'j0', from: 'ann', by: 'bob' });
        history.steals.add('j0/bob');
      }),
      0,
    );
  });

  it('[SI85] tells a write with an old fence, also where only a grant lies between', () => {
    assert.equal(found((history) => history.writes.push(...right, write('late', 'ann', 7, 2))) > 0, true);
    const granted = found((history) => {
      history.writes.push(write('late', 'ann', 7, 2));
      history.grants.push(...grants);
    });
    assert.equal(granted, 1);
  });

  it('[SI85] tells a write past a lock that was held before and after it', () => {
    assert.equal(
      found((history) => history.writes.push(write('x', 'ann', 3, 2), write('y', 'bob', 4), write('z', 'ann', 5, 2))),
      1,
    );
  });

  it('[SI85] tells who ended a running lease that is not theirs, and who was granted an item under one', () => {
    assert.equal(
      found((history) => {
        history.writes.push(write('y', 'bob', 4));
        history.ends.push({ item: 'j0', version: 4, holder: 'ann' });
      }),
      1,
    );
    assert.equal(
      found((history) => history.takings.push({ item: 'j0', from: 'ann', by: 'bob' })),
      1,
    );
  });
});
