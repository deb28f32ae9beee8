import assert from 'node:assert/strict';
import { Scheduler, SimProcess, StuckError } from './scheduler.ts';
import { Seeded } from './seeded.ts';

function world(seed = 1): Scheduler {
  return new Scheduler(new Seeded(seed));
}

describe('the scheduler of the simulator', () => {
  it('[SI1] takes the same steps for the same seed, and others for another', async () => {
    const run = async (seed: number) => {
      const scheduler = world(seed);
      const order: number[] = [];
      const actors = Array.from({ length: 8 }, async (_, n) => {
        for (let turn = 0; turn < 5; turn++) await scheduler.sleep(0, `actor ${n}`);
        order.push(n);
      });
      await scheduler.drive(Promise.all(actors), 1_000);
      return { order: order.join(''), hash: scheduler.hash };
    };
    assert.deepEqual(await run(7), await run(7));
    const others = await Promise.all([1, 2, 3, 4].map(run));
    assert.equal(new Set(others.map(({ hash }) => hash)).size, 4);
    assert.ok(new Set(others.map(({ order }) => order)).size > 1);
  });

  it('[SI2] carries out a step only when every microtask of the one before has run', async () => {
    const scheduler = world();
    const seen: string[] = [];
    scheduler.schedule(0, 'first', () => {
      void (async () => {
        for (let hop = 0; hop < 500; hop++) await undefined;
        seen.push('all hops of the first');
      })();
      scheduler.schedule(0, 'second', () => seen.push('second'));
    });
    await scheduler.drive(scheduler.sleep(10), 100);
    assert.deepEqual(seen, ['all hops of the first', 'second']);
  });

  it('[SI3] moves time to the next step where none is due, never back', async () => {
    const scheduler = world();
    const times: number[] = [];
    const actor = async () => {
      for (const ms of [3_600_000, 0, 50]) {
        await scheduler.sleep(ms);
        times.push(scheduler.now);
      }
    };
    await scheduler.drive(actor(), 100);
    assert.ok((times[0] ?? 0) >= 3_600_000 && (times[0] ?? 0) < 3_600_010);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
  });

  it('[SI4] lets a paused process wait and a killed one never act', async () => {
    const scheduler = world();
    const [paused, killed] = [new SimProcess('paused'), new SimProcess('killed')];
    const acted: string[] = [];
    paused.pausedUntil = 500;
    scheduler.schedule(10, 'of the paused', () => acted.push(`paused at ${scheduler.now >= 500}`), { process: paused });
    scheduler.schedule(10, 'of the killed', () => acted.push('killed'), { process: killed });
    scheduler.kill(killed);
    scheduler.schedule(10, 'of the killed, later', () => acted.push('killed'), { process: killed });
    await scheduler.drive(scheduler.sleep(1_000), 100);
    assert.deepEqual(acted, ['paused at true']);
  });

  it('[SI5] says what is stuck, by the number of steps or for want of any', async () => {
    const endless = world();
    const spin = async () => {
      for (;;) await endless.sleep(1, 'spin');
    };
    await assert.rejects(
      endless.drive(spin(), 50),
      (error) => error instanceof StuckError && /50 steps/.test(error.message),
    );
    const idle = world();
    await assert.rejects(idle.drive(new Promise(() => {}), 50), /nothing left to happen/);
  });
});
