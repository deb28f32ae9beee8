import assert from 'node:assert/strict';
import { readRecording, replay } from './recording.ts';
import { atOnePlace, inAShortText, play, recorded } from './slow-session.ts';

describe('one of those who write on a slow link', function () {
  this.timeout(240_000);

  for (const slow of [0, 1]) {
    it(`[ED36] a recording, writer ${slow} of it slow: nobody is refused twice in a row at a place, and nothing is ever reserved`, async function () {
      const recording = readRecording(this, 'friendsforever');
      const session = recorded(recording, replay(recording, 'agent'));
      for (const lag of [20, 100]) {
        const off = await play(session, slow, lag, false);
        assert.equal(off.longest, 1);
        assert(off.slow.refused > 0 && off.slow.restored / off.slow.keys < 0.05);
        assert.deepEqual(await play(session, slow, lag, true), off);
      }
    });
  }

  it('[ED37] where two write at one place a slow one is refused until the other pauses; with reservations it gets through, if it is back in time', async () => {
    const off = await play(atOnePlace(), 1, 10, false);
    assert(off.longest > 20 && off.reservations === 0, `refused ${off.longest} times in a row`);
    assert.equal(off.quick.refused, 0);
    const on = await play(atOnePlace(), 1, 10, true);
    assert(on.longest === 3 && on.reservations > 0, `refused ${on.longest} times in a row`);
    assert(on.slow.restored < off.slow.restored / 5, `${on.slow.restored} keys typed again`);
    assert(on.turnedAway > 0 && on.quick.refused >= on.turnedAway, 'the other is refused instead');
    const total = on.slow.restored + on.quick.restored;
    assert(Math.abs(total - off.slow.restored) <= off.slow.restored / 10, `together they type ${total} again`);
  });

  it('[ED38] whose round trip is longer than a reservation gains nothing by it, and the other types more again', async () => {
    const [off, on] = [await play(atOnePlace(), 1, 20, false), await play(atOnePlace(), 1, 20, true)];
    assert(on.reservations > 0);
    assert.deepEqual([on.slow.refused, on.longest], [off.slow.refused, off.longest]);
    assert(on.quick.restored > 100, `${on.quick.restored} keys for nothing`);
  });

  it('[ED36] people in a text of 20 characters, one of them slow: nothing is reserved either', async () => {
    for (const people of [2, 4]) {
      const session = inAShortText(people, 20);
      const off = await play(session, 0, 20, false);
      assert(off.slow.refused > 0);
      assert.deepEqual(await play(session, 0, 20, true), off);
    }
  });
});
