import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import type { Outcome } from '../../src/client/connect.ts';
import { Line } from '../../src/pages/set/line.ts';
import { MAX_HEIGHT, windowOf } from '../../src/pages/set/log-window.ts';
import { OpLog } from '../../src/pages/set/op-log.ts';
import { change, readSet, timeFor } from '../../src/pages/set/set-ops.ts';
import { describeTroop } from '../../src/pages/set/verdict.ts';
import type { OpsResponse } from '../../src/protocol/ops.ts';

const SET = { members: ['a'], adds: [['a', 50] as const], removes: [['b', 70] as const] };

function page(from: number, ops: readonly Json[], more: Partial<OpsResponse> = {}): OpsResponse {
  const told = ops.map((op, i) => ({ index: from + i, version: from + i, op, clientId: 'ann', updatedAt: 'now' }));
  return { ops: told, nextIndex: from + ops.length, lineage: '1.0', upToDate: true, ...more };
}

describe('parts of the page of a set', () => {
  it('[VW2] the log takes page after page and gives the members of all of them', () => {
    const log = new OpLog();
    log.take(page(1, [{ create: { bias: 'remove' } }, ['add', 'a', 5]], { upToDate: false }));
    assert.deepEqual([log.members, log.isComplete, log.lineage], [['a'], false, '1.0']);
    // Equal times: by the bias that the first operation fixed.
    log.take(
      page(3, [
        ['add', 'b', 7],
        ['remove', 'a', 5],
      ]),
    );
    assert.deepEqual([log.members, log.isComplete], [['b'], true]);
    assert.deepEqual(
      log.lines.map(({ verb, element, clientId }) => `${verb} ${element} ${clientId}`),
      ['create remove ann', 'add a ann', 'add b ann', 'remove a ann'],
    );
    assert.throws(() => log.take(page(7, [['add', 'c', 9]])), /does not continue/);
  });

  it('[VW7] what a rollback took is taken out before the rest comes', () => {
    const log = new OpLog();
    log.take(
      page(1, [
        ['add', 'a', 1],
        ['add', 'b', 2],
        ['remove', 'a', 3],
      ]),
    );
    log.take(page(3, [['add', 'c', 4]], { replaced: 3, lineage: '1.1' }));
    assert.deepEqual([log.members, log.lines.length, log.lineage], [['a', 'b', 'c'], 3, '1.1']);
    log.take(page(1, [], { replaced: 1, lineage: '9.0' }));
    assert.deepEqual([log.members, log.lines.length], [[], 0]);
    log.take(page(1, [['add', 'd', 4]]));
    log.clear();
    assert.deepEqual([log.members, log.lines.length, log.lineage, log.isComplete], [[], 0, undefined, false]);
  });

  it('[VW3] the lines that are drawn cover what is seen, are few, and reach from the first to the last', () => {
    const count = fc.integer({ min: 0, max: 3_000_000 });
    fc.assert(
      fc.property(
        count,
        fc.integer({ min: 40, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, seen, part) => {
          const line = 32;
          const height = Math.min(n * line, MAX_HEIGHT);
          const scrolled = part * Math.max(0, height - seen);
          const shown = windowOf(n, line, scrolled, seen);
          assert.equal(shown.height, height);
          assert(shown.to - shown.from <= seen / line + 18);
          assert(shown.from >= 0 && shown.to <= n);
          if (shown.from > 0) assert(shown.top <= scrolled, 'nothing above is missing');
          const bottom = shown.top + (shown.to - shown.from) * line;
          if (shown.to < n) assert(bottom >= scrolled + seen, 'nothing below is missing');
          if (part === 0) assert.equal(shown.from, 0);
          if (part === 1) assert.equal(shown.to, n);
        },
      ),
    );
    const end = windowOf(1_000_000, 32, Number.POSITIVE_INFINITY, 320);
    assert.deepEqual([end.to, end.top + (end.to - end.from) * 32], [1_000_000, MAX_HEIGHT]);
  });

  it('[VW8] what is done here is newer than what is known; where the server finds it too new, its own time counts', async () => {
    assert.deepEqual([timeFor(SET, 'a', 40), timeFor(SET, 'a', 60), timeFor(SET, 'b', 40)], [51, 60, 71]);
    assert.equal(timeFor(undefined, 'a', 40), 40);
    const posted: Json[] = [];
    const post = async (op: Json): Promise<Outcome> => {
      posted.push(op);
      const taken: Outcome = { item: 'w', result: 'ok', version: 1, durableVersion: 1 };
      const refused: Outcome = {
        item: 'w',
        result: 'invalid',
        code: 'badTime',
        detail: '',
      };
      return posted.length === 1 ? refused : taken;
    };
    assert.equal((await change({ value: SET, post }, 'remove', 'a', 99)).result, 'ok');
    assert.deepEqual(posted, [{ ops: [['remove', 'a', 99]] }, { ops: [['remove', 'a']] }]);
  });

  it('[VW9] only what has the form of a set is one', () => {
    assert.equal(readSet(SET)?.members[0], 'a');
    const others: readonly (Json | undefined)[] = [undefined, null, 1, 'text', [], { x: 1 }, { members: ['a'] }];
    for (const value of others) assert.equal(readSet(value), undefined);
  });

  it('[VW5] the verdict: who is offline, and at rest that all agree, only where nobody has anything on the way', () => {
    const one = { isAway: false, unsent: 0, isSettled: true, members: ['a'] };
    const tell = (monkeys: readonly Partial<typeof one>[], members: readonly string[] | undefined, rests = true) =>
      describeTroop({ monkeys: monkeys.map((each) => ({ ...one, ...each })), members, rests }).text;
    assert.match(tell([], ['a']), /^Simulated people/);
    assert.equal(tell([{}, {}], ['a']), 'All have the same members as you');
    assert.equal(tell([{}], ['a']), 'It has the same members as you');
    assert.equal(tell([{}], ['a'], false), 'At work, all online');
    assert.equal(tell([{}, { members: ['b'] }], ['a']), 'Sending what is left');
    assert.equal(tell([{}, { members: ['a', 'b'] }], ['a']), 'Sending what is left');
    assert.equal(tell([{}, { isSettled: false }], ['a']), 'Sending what is left');
    assert.equal(tell([{}], undefined), 'Sending what is left');
    for (const rests of [true, false]) {
      assert.equal(tell([{ isAway: true, unsent: 2 }, {}], ['a'], rests), '1 offline, with 2 operations kept');
      assert.equal(tell([{ isAway: true, unsent: 1 }], ['a'], rests), '1 offline, with 1 operation kept');
    }
  });

  it('[VW5] a line that is cut ends what is on its way and lets nothing through until it is mended', async () => {
    const asked: AbortSignal[] = [];
    const pending = Promise.withResolvers<Response>();
    const told: boolean[] = [];
    let closed = 0;
    const line = new Line(
      (_input, init) => {
        const { signal } = init ?? {};
        assert(signal);
        asked.push(signal);
        signal.throwIfAborted();
        return pending.promise;
      },
      () => ({ onopen: null, onmessage: null, onclose: null, send: () => undefined, close: () => closed++ }),
    );
    const { fetch: ask, webSocket, network } = line.options;
    const deafen = network?.((isThere) => told.push(isThere));
    void ask?.('/a');
    webSocket?.('ws://here', 'p');
    line.cut();
    line.cut();
    assert.deepEqual([asked[0]?.aborted, closed, told, line.isUp], [true, 1, [false], false]);
    assert.throws(() => ask?.('/b'), TypeError);
    assert.throws(() => webSocket?.('ws://here', 'p'), TypeError);
    line.mend();
    line.mend();
    void ask?.('/c', { signal: new AbortController().signal });
    assert.deepEqual([asked.at(-1)?.aborted, told, line.isUp], [false, [false, true], true]);
    deafen?.();
    line.cut();
    assert.deepEqual(told, [false, true]);
    pending.resolve(new Response());
  });
});
