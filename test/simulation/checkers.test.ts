import assert from 'node:assert/strict';
import { checkFinal, checkReader, type Final, type Truth } from './checkers.ts';
import { type CheckName, History, type Write } from './history.ts';

function write(op: string, version: number, more: Partial<Write> = {}): Write {
  return {
    op,
    item: 's/j0',
    client: 'c',
    seq: version,
    deletes: false,
    durable: false,
    invokedAt: version * 10,
    endedAt: version * 10 + 5,
    outcome: 'ok',
    version,
    stored: false,
    sent: 1,
    ...more,
  };
}

function final(truth: Truth): Final {
  return { truth: new Map([['s/j0', truth]]), mayBeLostUntil: (ackedAt) => ackedAt + 1_000 };
}

function found(truth: Truth, writes: readonly Write[], prepare: (history: History) => void = () => {}): CheckName[] {
  const history = new History();
  for (const each of writes) history.wrote(each);
  prepare(history);
  checkFinal(history, final(truth));
  return history.findings.map(({ check }) => check);
}

describe('the checkers of the simulator', () => {
  const now: Truth = { version: 3, content: '+a,b' };

  it('[SI10] find nothing where everything acknowledged is there once', () => {
    assert.deepEqual(found(now, [write('a', 1), write('b', 3)]), []);
  });

  it('[SI11] tell a lost update from one that a loss or a delete explains', () => {
    const writes = [write('a', 1), write('b', 3), write('c', 2)];
    assert.deepEqual(found(now, writes), ['C4 lost']);
    assert.deepEqual(
      found(now, writes, (history) => history.losses.push({ at: 500 })),
      [],
    );
    assert.deepEqual(
      found(now, writes, (history) => history.losses.push({ at: 500, item: 's/j1' })),
      ['C4 lost'],
    );
    assert.deepEqual(
      found(now, writes, (history) => history.losses.push({ at: 9_000 })),
      ['C10 lost too much'],
    );
    assert.deepEqual(found({ version: 4, content: '-' }, [...writes, write('d', 4, { deletes: true })]), []);
  });

  it('[SI12] never excuse the loss of a durable update', () => {
    const lose = (history: History) => history.losses.push({ at: 21 });
    assert.deepEqual(found(now, [write('c', 2, { durable: true })], lose), ['C9 lost durable']);
    assert.deepEqual(found(now, [write('c', 2, { stored: true })], lose), ['C9 lost durable']);
    const told = (history: History) => {
      lose(history);
      history.saw('s/j0', 2, 2, '+a,c', 'a reader');
    };
    assert.deepEqual(found(now, [write('c', 2)], told), ['C9 lost durable']);
  });

  it('[SI13] see an operation applied twice, one refused yet applied, one that outlived a delete', () => {
    assert.deepEqual(found({ version: 3, content: '+a,a' }, [write('a', 1)]), ['twice']);
    assert.deepEqual(found(now, [write('b', 0, { outcome: 'fail' })]), ['ghost']);
    assert.deepEqual(found(now, [write('a', 1), write('d', 2, { deletes: true }), write('b', 3)]), ['ghost']);
  });

  it('[SI14] see two conditional writes on one version, and one between', () => {
    const broken = [write('a', 2, { ifVersion: 1 }), write('b', 3, { ifVersion: 1 })];
    assert.deepEqual(found(now, broken), ['C7 chain broken']);
    assert.deepEqual(found(now, [write('a', 2), write('b', 3, { ifVersion: 1 })]), ['C7 chain broken']);
    assert.deepEqual(found(now, [write('a', 2, { ifVersion: 1 }), write('b', 3, { ifVersion: 2 })]), []);
    const restored = { item: 's/j0', from: 1, ops: ['b'], invokedAt: 20, endedAt: 25 };
    const between = [write('a', 2), write('b', 3, { ifVersion: 1 })];
    assert.deepEqual(
      found(now, between, (history) => history.restores.push(restored)),
      [],
      'one that was restored has another number',
    );
  });

  it('[SI15] see a version with two contents, wherever it was read', () => {
    const history = new History();
    history.saw('s/j0', 2, 0, '+a', 'one');
    history.saw('s/j0', 2, 0, '+a', 'another');
    assert.equal(history.findings.length, 0);
    history.saw('s/j0', 2, 0, '+b', 'a third');
    assert.equal(history.findings[0]?.check, 'C1 two contents');
  });

  it('[SI16] see a reader that is behind or holds something else, and excuse one that began later', () => {
    const check = (version: number | undefined, content: string, partialSince?: number) => {
      const history = new History();
      for (const each of [write('a', 1), write('b', 3)]) history.wrote(each);
      const reader = { name: 'r', space: 's', partialSince, version: () => version, content: () => content };
      checkReader(history, reader, final(now));
      return history.findings.map(({ check: name }) => name);
    };
    assert.deepEqual(check(3, '+a,b'), []);
    assert.deepEqual(check(1, '+a'), ['C3 skipped', 'C6 diverged']);
    assert.deepEqual(check(3, '+a'), ['C6 diverged']);
    assert.deepEqual(check(undefined, '-', 40), []);
    assert.deepEqual(check(undefined, '-', 20), ['C3 skipped', 'C6 diverged']);
  });

  it('[SI23] see what was written into one item in another, of this space or the next', () => {
    for (const place of ['s/j1', 't/j0']) {
      const history = new History();
      history.wrote(write('a', 1));
      history.saw('s/j0', 1, 0, '+a', 'one');
      assert.deepEqual(history.findings, []);
      history.saw(place, 1, 0, '+a', 'one');
      assert.deepEqual(
        history.findings.map(({ check }) => check),
        ['leak'],
      );
    }
  });

  it('[SI73] see two operations at one index of a lineage', () => {
    const history = new History();
    history.sawOp('s/h0', '1.0', 1, 'a', 'one');
    history.sawOp('s/h0', '1.0', 1, 'a', 'another');
    history.sawOp('s/h0', '1.1', 1, 'b', 'one');
    history.sawOp('s/h1', '1.0', 1, 'b', 'one');
    assert.deepEqual(history.findings, []);
    history.sawOp('s/h0', '1.0', 1, 'b', 'another');
    assert.deepEqual(
      history.findings.map(({ check }) => check),
      ['H1 wrong history'],
    );
  });
});
