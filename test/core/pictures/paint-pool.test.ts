import assert from 'node:assert/strict';
import { RetryLater } from '../../../src/core/context.ts';
import { PaintPool } from '../../../src/core/pictures/paint-pool.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { DecodeJob, Painter, PaintJob } from '../../../src/ports/painters.ts';
import { FakeClock } from '../../support/clocks.ts';

/** Jobs end when the test says so. */
class FakePainter implements Painter {
  ended = false;
  job: PaintJob | undefined;
  #settle: { resolve: (painted: never) => void; reject: (error: Error) => void } | undefined;

  run(job: PaintJob): Promise<never> {
    assert.equal(this.job, undefined, 'one job at a time');
    this.job = job;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }
  finish(painted: unknown): void {
    this.job = undefined;
    this.#settle?.resolve(painted as never);
  }
  fail(): void {
    this.job = undefined;
    this.#settle?.reject(new Error('the thread failed'));
  }
  async end(): Promise<void> {
    this.ended = true;
  }
}

const job = (text: string): DecodeJob => ({ task: 'decode', type: 'image/png', bytes: Buffer.from(text) });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function makePool(painters: number, maxWaiting = 10) {
  const hired: FakePainter[] = [];
  const hire = () => {
    const painter = new FakePainter();
    hired.push(painter);
    return painter;
  };
  const pool = new PaintPool({ clock: new FakeClock(), hire, painters, maxWaiting });
  const working = () => hired.flatMap(({ job }) => (job?.task === 'decode' ? [job.bytes.toString()] : []));
  return { pool, hired, working };
}

describe('painters', () => {
  it('[PIC20] no more jobs than painters at once, the most urgent next', async () => {
    const { pool, hired, working } = makePool(2);
    const done: string[] = [];
    const all = (['write', 'fold', 'write', 'fold', 'broadcast'] as const).map((urgency, i) =>
      pool.run(urgency, job(`${urgency}${i}`)).then(() => done.push(`${urgency}${i}`)),
    );
    assert.deepEqual([working(), pool.waiting], [['write0', 'fold1'], 3]);
    while (working().length > 0) {
      hired.find(({ job: one }) => one !== undefined)?.finish(undefined);
      await turn();
    }
    await Promise.all(all);
    assert.ok(done.indexOf('broadcast4') < done.indexOf('fold3') && done.indexOf('fold3') < done.indexOf('write2'));
    assert.equal(hired.length, 2);
    await pool.close();
    assert.ok(hired.every(({ ended }) => ended));
  });

  it('[PIC22] where too many wait the next is told to come again', async () => {
    const { pool, hired } = makePool(1, 1);
    const first = pool.run('fold', job('a'));
    const second = pool.run('fold', job('b'));
    await assert.rejects(
      pool.run('broadcast', job('c')),
      (error) => error instanceof RetryLater && error.code === 'overloaded',
    );
    hired[0]?.finish(undefined);
    await first;
    await turn();
    hired[0]?.finish(undefined);
    await second;
    await pool.close();
  });

  it('[PIC22] what waits can be taken back; what has begun goes on', async () => {
    const { pool, hired, working } = makePool(1);
    const [begun, waits] = [new AbortController(), new AbortController()];
    const first = pool.run('fold', job('a'), begun.signal);
    const second = pool.run('fold', job('b'), waits.signal);
    const third = pool.run('write', job('c'));
    waits.abort(new Error('not needed'));
    await assert.rejects(second, /not needed/);
    begun.abort(new Error('too late'));
    hired[0]?.finish(undefined);
    await first;
    await turn();
    assert.deepEqual(working(), ['c']);
    hired[0]?.finish(undefined);
    await third;
    await assert.rejects(pool.run('fold', job('d'), AbortSignal.abort(new Error('never'))), /never/);
    await pool.close();
  });

  it('[PIC23] a painter that fails costs its own job alone, and another takes its place', async () => {
    const { pool, hired, working } = makePool(1);
    const first = pool.run('fold', job('a'));
    const second = pool.run('fold', job('b'));
    hired[0]?.fail();
    await assert.rejects(first, /the thread failed/);
    await turn();
    assert.equal(hired[0]?.ended, true);
    assert.deepEqual([hired.length, working()], [2, ['b']]);
    hired[1]?.finish(undefined);
    await second;
    await pool.close();
  });

  it('[PIC25] a painter is made ready once, where there is none; one that fails at that is in nobody’s way', async () => {
    const { pool, hired, working } = makePool(2);
    pool.prepare();
    pool.prepare();
    assert.deepEqual(
      hired.map(({ job: one }) => one?.task),
      ['prepare'],
    );
    hired[0]?.fail();
    await turn();
    pool.prepare();
    hired[1]?.finish(undefined);
    await turn();
    pool.prepare();
    assert.equal(hired.length, 2);
    const first = pool.run('fold', job('a'));
    assert.deepEqual(working(), ['a']);
    hired[1]?.finish(undefined);
    await first;
    await pool.close();
    pool.prepare();
    await turn();
    assert.equal(hired.length, 2);
  });

  it('[PIC24] at its end what waits is refused, what has begun ends, and so do the painters', async () => {
    const { pool, hired } = makePool(1);
    const first = pool.run('fold', job('a'));
    const second = pool.run('fold', job('b'));
    const closing = pool.close();
    await assert.rejects(second, (error) => isFailure(error, 'closed'));
    await assert.rejects(pool.run('broadcast', job('c')), (error) => isFailure(error, 'closed'));
    assert.equal(hired[0]?.ended, false);
    hired[0]?.finish(undefined);
    await first;
    await closing;
    assert.deepEqual(
      hired.map(({ ended }) => ended),
      [true],
    );
  });
});
