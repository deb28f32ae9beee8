import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Applied } from '../../src/kinds/kind.ts';
import { log } from '../../src/kinds/log/log.ts';
import { LogRequest } from '../../src/kinds/log/request.ts';
import { type LogState, NEW, type Producer } from '../../src/kinds/log/state.ts';
import { MAX_DELTA_BYTES, MAX_LOG_MESSAGES, MAX_PRODUCERS } from '../../src/protocol/limits.ts';

const NOW = { now: 1_000, version: 1 };
const TEXT = { type: 'text/plain', durable: true };

function apply(state: LogState, op: unknown, now = 1_000): Applied<LogState> {
  return log.apply(state, op, { ...NOW, now });
}

/** The state after operations that are all accepted. */
function stateAfter(...ops: readonly unknown[]): LogState {
  return ops.reduce<LogState>((state, op) => {
    const applied = apply(state, op);
    assert.equal(applied.result, 'ok', JSON.stringify([op, applied]));
    return applied.result === 'ok' ? applied.state : state;
  }, NEW);
}

function extraOf(applied: Applied<LogState>): object {
  return 'extra' in applied ? (applied.extra ?? {}) : {};
}

const sent = (producer: Producer) => new LogRequest({ content: { append: [1] }, producer });

describe('logs', () => {
  it('[LG1] are created, appended to, and tell the next index', () => {
    const early = apply(NEW, { append: [1] });
    assert.equal(early.result === 'invalid' && early.code, 'createMissing');
    const made = apply(NEW, { create: {} });
    assert.deepEqual(extraOf(made), { nextIndex: 1 });
    const more = apply(stateAfter({ create: {} }), { append: ['a', { b: 1 }] });
    assert.equal(more.result === 'ok' && more.count, 2);
    assert.deepEqual(extraOf(more), { nextIndex: 3 });
    assert.deepEqual(log.value(stateAfter({ create: {} }, { append: [1, 2] })), { nextIndex: 3 });
    assert.equal(apply(stateAfter({ create: {} }), { create: {} }).result, 'unchanged');
    assert.equal(apply(stateAfter({ create: {} }), { create: { durable: true } }).result, 'conflict');
  });

  it('[LG2] take nothing when they are closed', () => {
    const closed = stateAfter({ create: {} }, { append: [1] }, { close: true });
    assert.deepEqual(log.value(closed), { nextIndex: 2, closed: true });
    const refused = apply(closed, { append: [2] });
    assert.deepEqual(
      [refused.result, extraOf(refused)],
      ['conflict', { nextIndex: 2, closed: true, reason: 'closed' }],
    );
    assert.equal(apply(closed, { close: true }).result, 'unchanged');
  });

  it('[LG3] refuse what is not of the form', () => {
    const state = stateAfter({ create: {} }, { append: [1] });
    const config = { type: 'text/plain', durable: true };
    const forged = [
      { parts: [['x', 1, 1]] },
      { bytes: 'eA==' },
      { gone: true },
      { ref: ['a', 'b', 'c', 1] },
      { touch: true },
    ];
    const wrong = [
      null,
      1,
      [],
      {},
      { append: [] },
      { append: 1 },
      { append: [1], close: true },
      { close: false },
      ...forged,
    ];
    for (const op of [
      ...wrong,
      { create: config },
      { create: { durable: 1 } },
      { create: [] },
      { append: [1], seq: 'a' },
    ])
      assert.equal(apply(state, op).result, 'invalid', JSON.stringify(op));
    assert.equal(apply(stateAfter(new LogRequest({ create: TEXT })), { append: [1] }).result, 'invalid');
    fc.assert(
      fc.property(fc.anything(), (op) => {
        apply(state, op);
        apply(NEW, op);
      }),
    );
    const limits = [{ append: ['x'.repeat(MAX_DELTA_BYTES)] }, { append: Array(MAX_LOG_MESSAGES + 1).fill(1) }];
    for (const op of limits) assert.equal(apply(state, op).result, 'tooLarge');
    assert.equal(apply(state, { append: ['é'.repeat(MAX_DELTA_BYTES / 2)] }).result, 'tooLarge');
  });

  it('[LG4] every delta leads to its state', () => {
    const ops = fc.oneof(
      fc.record({ append: fc.array(fc.jsonValue() as fc.Arbitrary<never>, { minLength: 1, maxLength: 3 }) }),
      fc.constant({ close: true }),
      fc
        .record({ epoch: fc.nat(2), seq: fc.nat(3), close: fc.boolean(), text: fc.string() })
        .map(
          ({ epoch, seq, close, text }) =>
            new LogRequest({ content: { bytes: text }, producer: ['p', epoch, seq], seq: text, close }),
        ),
      fc
        .constantFrom(...[{ touch: true }, { gone: true }, { ref: ['r', 's', 'i', 1] as const }, { unref: ['r'] }])
        .map((fields) => new LogRequest(fields)),
    );
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 20 }), fc.boolean(), (all, lives) => {
        let state = stateAfter(
          new LogRequest({ create: { ...TEXT, type: 'application/json', ...(lives && { ttl: 100 }) } }),
        );
        for (const [i, op] of all.entries()) {
          const applied = apply(state, op, 1_000 + i * 6_000);
          if (applied.result !== 'ok') continue;
          assert.deepEqual(log.replay(state, JSON.parse(JSON.stringify(applied.delta))), applied.state);
          assert.equal(log.ops?.(applied.delta).length, applied.count);
          state = applied.state;
          assert.deepEqual(log.decode(JSON.parse(JSON.stringify(log.encode(state)))), state);
        }
      }),
    );
  });

  it('[LG8] a request of a producer has an effect once', () => {
    const state = stateAfter({ create: {} }, sent(['p', 1, 0]), sent(['p', 1, 1]));
    const table: [Producer, string, object][] = [
      [['p', 1, 1], 'unchanged', { duplicate: 1 }],
      [['p', 1, 0], 'unchanged', { duplicate: 1 }],
      [['p', 1, 3], 'conflict', { reason: 'gap', expected: 2, received: 3 }],
      [['p', 0, 9], 'conflict', { reason: 'staleEpoch', epoch: 1 }],
      [['p', 2, 1], 'conflict', { reason: 'badEpoch' }],
      [['q', 0, 1], 'conflict', { reason: 'gap', expected: 0, received: 1 }],
    ];
    for (const [producer, result, extra] of table) {
      const applied = apply(state, sent(producer));
      assert.deepEqual([applied.result, extraOf(applied)], [result, { nextIndex: 3, ...extra }], producer.join());
    }
    assert.equal(stateAfter({ create: {} }, sent(['p', 1, 0]), sent(['p', 2, 0]), sent(['q', 5, 0])).count, 3);
  });

  it('[LG9] producers that are not heard are forgotten', () => {
    const all = Array.from({ length: MAX_PRODUCERS + 1 }, (_, i) => sent([`p${i}`, 0, 0]));
    const state = stateAfter({ create: {} }, ...all, sent(['p1', 0, 1]));
    assert.equal(state.producers?.length, MAX_PRODUCERS);
    assert.deepEqual(extraOf(apply(state, sent(['p0', 0, 1]))), {
      nextIndex: MAX_PRODUCERS + 3,
      reason: 'gap',
      expected: 0,
      received: 1,
    });
    assert.equal(apply(state, sent(['p1', 0, 2])).result, 'ok');
  });
});
