import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Urgency, WorkQueue } from '../../../src/core/pictures/work-queue.ts';
import { FakeClock } from '../../support/clocks.ts';

describe('the queue of what is to be painted', () => {
  it('[PIC20] broadcasts come first, folding next, files last, each in its order', () => {
    const queue = new WorkQueue<string>(new FakeClock(), 10);
    const adds: [Urgency, string][] = [
      ['write', 'w1'],
      ['fold', 'f1'],
      ['broadcast', 'b1'],
      ['write', 'w2'],
      ['broadcast', 'b2'],
      ['fold', 'f2'],
    ];
    for (const [urgency, work] of adds) assert.equal(queue.add(urgency, work), true);
    const taken = Array.from({ length: 7 }, () => queue.take());
    assert.deepEqual(taken, ['b1', 'b2', 'f1', 'f2', 'w1', 'w2', undefined]);
  });

  it('[PIC21] a file that has waited overtakes what is younger: it is never starved', () => {
    const clock = new FakeClock();
    const queue = new WorkQueue<string>(clock, 1_000);
    queue.add('write', 'file');
    for (let second = 0; second < 60; second++) {
      for (const one of ['broadcast', 'fold'] as const) queue.add(one, one);
      queue.add('broadcast', 'broadcast');
      if (queue.take() === 'file') {
        assert.ok(second <= 30, 'behind what came in its first ten seconds, no more');
        return;
      }
      clock.advance(1_000);
    }
    assert.fail('it was starved');
  });

  it('[PIC21] whatever comes, nothing waits for more than the work before its own time and its slack', () => {
    const urgency = fc.constantFrom<Urgency>('broadcast', 'fold', 'write');
    const steps = fc.array(fc.record({ urgency, ms: fc.integer({ min: 0, max: 4_000 }), take: fc.boolean() }));
    fc.assert(
      fc.property(steps, (all) => {
        const clock = new FakeClock();
        const queue = new WorkQueue<{ urgency: Urgency; at: number }>(clock, 1_000);
        const waiting = new Set<{ urgency: Urgency; at: number }>();
        for (const { urgency, ms, take } of all) {
          const work = { urgency, at: clock.monotonic() };
          queue.add(urgency, work);
          waiting.add(work);
          clock.advance(ms);
          const taken = take ? queue.take() : undefined;
          if (taken === undefined) continue;
          waiting.delete(taken);
          for (const other of waiting) assert.ok(taken.at - other.at <= 10_000, 'overtaken by what came much later');
        }
        assert.equal(queue.size, waiting.size);
      }),
    );
  });

  it('[PIC22] is bounded, and what is taken back is gone', () => {
    const queue = new WorkQueue<string>(new FakeClock(), 2);
    assert.deepEqual(
      [queue.add('fold', 'a'), queue.add('write', 'b'), queue.add('broadcast', 'c')],
      [true, true, false],
    );
    assert.deepEqual([queue.remove('a'), queue.remove('a'), queue.remove('c')], [true, false, false]);
    assert.equal(queue.add('broadcast', 'c'), true);
    assert.deepEqual([queue.take(), queue.take(), queue.take()], ['c', 'b', undefined]);
  });
});
