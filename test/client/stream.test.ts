import assert from 'node:assert/strict';
import type { Sink } from '../../src/client/channel.ts';
import { Stream } from '../../src/client/stream.ts';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { FakeClock } from '../support/clocks.ts';

const answer = (marker: string): GetUpdatesResponse => {
  return { marker, epoch: 'e1', upToDate: true, changesRemaining: 0, items: [] };
};

describe('a stream that has broken', () => {
  const never = new AbortController().signal;

  /** It was following from m0; two answers have come, and then it broke. */
  function broken(): Stream {
    let sink: Sink | undefined;
    const channel = { follow: () => undefined, post: () => undefined, close: () => undefined };
    const open = (given: Sink) => {
      sink = given;
      return channel;
    };
    const stream = new Stream(new FakeClock(), open, { marker: 'm0', wait: 20 });
    sink?.heard();
    sink?.answer(answer('m1'));
    sink?.answer(answer('m2'));
    sink?.failed(new Error('broken'));
    return stream;
  }

  it('[SDK89] still hands out what had come, to who goes on from there', async () => {
    const stream = broken();
    assert.equal((await stream.next({ marker: 'm0', wait: 20 }, never)).marker, 'm1');
    assert.equal((await stream.next({ marker: 'm1', wait: 20 }, never)).marker, 'm2');
    await assert.rejects(stream.next({ marker: 'm2', wait: 20 }, never), /broken/);
  });

  it('[SDK89] hands out nothing of it to who has learned of something else meanwhile', async () => {
    const stream = broken();
    await assert.rejects(stream.next({ marker: 'of a new epoch', wait: 20 }, never), /broken/);
    const later = broken();
    assert.equal((await later.next({ marker: 'm0', wait: 20 }, never)).marker, 'm1');
    await assert.rejects(later.next({ marker: 'of a new epoch', wait: 20 }, never), /broken/);
  });
});
