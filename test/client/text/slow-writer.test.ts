import assert from 'node:assert/strict';
import { SPACE, TransportWorld } from '../../support/transport-world.ts';
import { closedLoop, Log, type Tally, Writer } from './loop.ts';
import { type Intent, readRecording, replay } from './recording.ts';
import { ReservingCalls } from './reserving-calls.ts';

/** 2 s, where an edit of all is made every 0.13 s: as in the recordings. */
const TICKS = 15;
const QUICK_LAG = 5;

type Session = { readonly start: string; readonly intents: readonly Intent[]; text(ids: readonly number[]): string };

/** Two people, the second of them on a slow link; `ticks`: how long a range would be reserved for who was refused three times in it. */
async function play({ start, intents, text }: Session, lag: number, ticks: number) {
  const world = new TransportWorld();
  await world.start();
  const log = new Log(start.length);
  const calls = new ReservingCalls(world.port, log, start.length, ticks);
  try {
    const op = { create: { text: start } };
    await world.engine.update(SPACE, { item: 'text', kind: 'text', op }, { subject: 'writer' });
    const tallies = [0, 1].map((): Tally => ({ posts: 0, keys: 0, refused: 0, restored: 0, lost: [] }));
    const writers: Writer[] = [];
    for (const [n, tally] of tallies.entries())
      writers.push(new Writer(`w${n}`, await calls.send('GET', '/v1/spaces/board/updates'), calls, log, tally, text));
    await closedLoop(writers, intents, [QUICK_LAG, lag], (now) => {
      calls.now = now;
    });
    calls.finish();
    for (const { copy } of writers) assert.equal(String(copy.shown), String(writers[0]?.copy.shown));
    const [quick, slow] = tallies;
    return { quick, slow, longest: Math.max(0, ...calls.rows.keys()), reservations: calls.reservations };
  } finally {
    calls.close();
    await world.stop();
  }
}

/** Everybody writes at the beginning, and nowhere else: the quick one most of the time, the slow one now and then. */
function atOnePlace(): Session {
  const intents: Intent[] = [];
  for (let id = 1; id <= 400; id++) {
    intents.push({ agent: id % 20 === 0 ? 1 : 0, after: 0, insert: [id], remove: [] });
  }
  return { start: '', intents, text: (ids) => ids.map((id) => String.fromCharCode(0x4e00 + id)).join('') };
}

describe('one of two people on a slow link', function () {
  this.timeout(240_000);

  for (const slowAgent of [0, 1]) {
    it(`[ED36] a recording, writer ${slowAgent} of it slow: nobody is refused twice in a row at a place, and a reservation would never be made`, async function () {
      const recording = readRecording(this, 'friendsforever');
      const done = replay(recording, 'agent');
      const intents = done.intents.map((intent) => ({ ...intent, agent: intent.agent === slowAgent ? 1 : 0 }));
      const session = { start: recording.startContent ?? '', intents, text: done.characters.text };
      for (const lag of [20, 100]) {
        const off = await play(session, lag, 0);
        assert.equal(off.longest, 1);
        assert(off.slow && off.slow.refused > 0 && off.slow.restored / off.slow.keys < 0.05);
        const on = await play(session, lag, TICKS);
        assert.deepEqual(on, off);
      }
    });
  }

  it('[ED37] where all write at one place a slow one gets through when the others pause; a reservation would help only those who are fast enough, and cost the others more', async () => {
    const off = await play(atOnePlace(), 10, 0);
    assert(off.longest > 20, `refused ${off.longest} times in a row`);
    assert.equal(off.quick?.restored, 0);
    const on = await play(atOnePlace(), 10, TICKS);
    assert.equal(on.longest, 3);
    assert(on.quick && off.slow && on.slow);
    assert(on.quick.refused >= on.slow.refused, 'the others are refused instead');
    const late = await play(atOnePlace(), 20, TICKS);
    assert(late.longest > 10, `a round trip of 2.7 s is longer than what is reserved: ${late.longest}`);
    assert((late.quick?.restored ?? 0) > 500, 'and the others have typed for nothing');
  });
});
