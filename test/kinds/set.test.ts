import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import { type SetState, type SetValue, set } from '../../src/kinds/set.ts';
import type { SetOp } from '../../src/kinds/set-ops.ts';
import { MAX_DELTA_BYTES, MAX_SET_AHEAD_MS, MAX_SET_BYTES } from '../../src/protocol/limits.ts';

const NOW = 1_800_000_000_000;
const context = { now: NOW, version: 1 };
type Bias = 'add' | 'remove';

function post(state: SetState, op: unknown): SetState {
  const applied = set.apply(state, op, context);
  if (applied.result === 'unchanged') return state;
  assert.equal(applied.result, 'ok');
  return applied.result === 'ok' ? applied.state : state;
}

function begun(bias: Bias = 'add'): SetState {
  return post(set.empty(), { create: { bias } });
}

function of(bias: Bias, ...ops: readonly SetOp[]): SetState {
  return ops.reduce((state, op) => post(state, { ops: [op] }), begun(bias));
}

function value(state: SetState): SetValue {
  return set.value(state) as SetValue;
}

function members(state: SetState): readonly string[] {
  return value(state).members;
}

function merged(into: SetState, from: SetState): SetState {
  const { adds, removes } = value(from);
  return post(into, { merge: { adds, removes } });
}

const bias = fc.constantFrom<Bias>('add', 'remove');
/** Few elements and times, so that they meet. */
const op = fc.tuple(
  fc.constantFrom('add', 'remove'),
  fc.constantFrom('a', 'b', 'c', '', '😀'),
  fc.nat(4),
) as fc.Arbitrary<SetOp>;
const ops = fc.array(op, { maxLength: 25 });

describe('set', () => {
  const cases: readonly (readonly [string, SetState, readonly string[]])[] = [
    ['an element that was added is a member', of('add', ['add', 'a', 1]), ['a']],
    ['one that was never added is none', of('add', ['remove', 'a', 1]), []],
    ['one removed after it was added is none', of('add', ['add', 'a', 1], ['remove', 'a', 2]), []],
    ['one added after it was removed is one', of('add', ['add', 'a', 1], ['remove', 'a', 2], ['add', 'a', 3]), ['a']],
    ['two sets merge into both', merged(of('add', ['add', 'a', 1]), of('add', ['add', 'b', 1])), ['a', 'b']],
    ['added and removed at one time, bias add', of('add', ['remove', 'a', 1], ['add', 'a', 1]), ['a']],
    ['added and removed at one time, bias remove', of('remove', ['remove', 'a', 1], ['add', 'a', 1]), []],
    [
      'added in the second set after it was removed in the first',
      merged(of('add', ['add', 'a', 1], ['remove', 'a', 2]), of('add', ['add', 'a', 3])),
      ['a'],
    ],
    [
      'removed in the second set after it was added in the first',
      merged(of('add', ['add', 'a', 1]), of('add', ['remove', 'a', 2])),
      [],
    ],
    ['the bias decides after a merge, add', merged(of('add', ['add', 'a', 5]), of('add', ['remove', 'a', 5])), ['a']],
    [
      'the bias decides after a merge, remove',
      merged(of('remove', ['add', 'a', 5]), of('add', ['remove', 'a', 5])),
      [],
    ],
  ];
  for (const [name, state, expected] of cases) it(`[SETK1] ${name}`, () => assert.deepEqual(members(state), expected));

  it('[SETK2] any order, any repetition and any division into replicas give the same set', () => {
    const property = fc.property(bias, ops, fc.infiniteStream(fc.nat()), (which, list, chance) => {
      const pick = () => chance.next().value as number;
      const straight = of(which, ...list);
      const shuffled = list.map((each) => [pick(), each] as const).sort(([a], [b]) => a - b);
      const again = [...shuffled, ...shuffled.filter(() => pick() % 3 === 0)].map(([, each]) => each);
      const batch = again.length > 0 ? post(begun(which), { ops: again }) : begun(which);
      const [left, right] = [0, 1].map((half) =>
        of(which, ...list.filter((_, i) => (i * 7 + list.length) % 2 === half)),
      );
      assert.ok(left && right);
      for (const other of [
        of(which, ...again),
        batch,
        merged(left, right),
        merged(right, left),
        merged(merged(left, right), left),
      ]) {
        assert.deepEqual(value(other), value(straight));
        assert.deepEqual(set.encode(other), set.encode(straight));
      }
    });
    fc.assert(property, { numRuns: 1_500 });
  });

  it('[SETK2] agrees with two plain maps', () => {
    fc.assert(
      fc.property(bias, ops, (which, list) => {
        const maps = { add: new Map<string, number>(), remove: new Map<string, number>() };
        for (const [verb, element, t] of list) maps[verb].set(element, Math.max(t, maps[verb].get(element) ?? -1));
        const wins = (a: number, b: number) => a > b || (a === b && which === 'add');
        const expected = [...maps.add].filter(([element, t]) => wins(t, maps.remove.get(element) ?? -1));
        const state = of(which, ...list);
        assert.deepEqual([...members(state)].sort(), expected.map(([element]) => element).sort());
        assert.deepEqual(new Map(value(state).adds), maps.add);
        assert.deepEqual(new Map(value(state).removes), maps.remove);
      }),
    );
  });

  it('[SETK3] states are never changed; deltas replay to the same; encoding keeps everything', () => {
    fc.assert(
      fc.property(bias, fc.array(ops, { maxLength: 6 }), (which, batches) => {
        let state = begun(which);
        for (const batch of batches) {
          if (batch.length === 0) continue;
          const before = JSON.stringify(set.encode(state));
          const [applied, twice] = [
            set.apply(state, { ops: batch }, context),
            set.apply(state, { ops: batch }, context),
          ];
          assert.equal(JSON.stringify(set.encode(state)), before);
          assert.deepEqual(applied, twice);
          if (applied.result !== 'ok') continue;
          assert.deepEqual(set.encode(set.replay(state, applied.delta)), set.encode(applied.state));
          const text = JSON.stringify(set.encode(applied.state));
          assert.ok(text.length <= (applied.chars ?? 0), `${text.length} of ${applied.chars}`);
          const decoded = set.decode(JSON.parse(text) as Json);
          assert.deepEqual(set.encode(decoded), set.encode(applied.state));
          assert.equal(decoded.bytes, applied.state.bytes);
          state = decoded;
        }
      }),
    );
  });

  it('[SETK4] the log folded from the beginning, or onto what stood at any index, is the set', () => {
    fc.assert(
      fc.property(bias, ops, (which, list) => {
        const states = [set.empty()];
        const log: Json[] = [];
        let state = set.empty();
        for (const each of [
          { create: { bias: which } },
          ...list.map((one) => ({ ops: [one, ['add', 'z', one[2]]] })),
        ]) {
          const applied = set.apply(state, each, context);
          if (applied.result !== 'ok') continue;
          const single = set.ops?.(applied.delta) ?? [];
          assert.equal(single.length, applied.count);
          state = applied.state;
          for (const one of single) {
            log.push(one);
            states.push(set.replay(states.at(-1) ?? set.empty(), Array.isArray(one) ? { ops: [one] } : one));
          }
        }
        for (const [index, from] of states.entries()) {
          const folded = log
            .slice(index)
            .reduce((to: SetState, one) => set.replay(to, Array.isArray(one) ? { ops: [one] } : one), from);
          assert.deepEqual(set.encode(folded), set.encode(state));
        }
      }),
    );
  });

  it('[SETK5] operations that change nothing are counted, and make no version', () => {
    const state = of('add', ['add', 'a', 5]);
    const stale = set.apply(
      state,
      {
        ops: [
          ['add', 'a', 5],
          ['add', 'a', 4],
        ],
      },
      context,
    );
    assert.deepEqual(stale, { result: 'unchanged', extra: { applied: 0, stale: 2 } });
    const mixed = set.apply(
      state,
      {
        ops: [
          ['add', 'a', 5],
          ['remove', 'a', 4],
          ['add', 'a', 6],
          ['add', 'a', 6],
        ],
      },
      context,
    );
    assert.ok(mixed.result === 'ok');
    assert.deepEqual([mixed.extra, mixed.count], [{ applied: 2, stale: 2 }, 2]);
    assert.deepEqual(mixed.delta, {
      ops: [
        ['remove', 'a', 4],
        ['add', 'a', 6],
      ],
    });
    assert.deepEqual(set.apply(set.empty(), { merge: {} }, context), {
      result: 'unchanged',
      extra: { applied: 0, stale: 0 },
    });
  });

  it('[SETK6] a time that is missing is the server’s; one too far ahead, or none, is badTime', () => {
    const applied = set.apply(begun(), { ops: [['add', 'a']] }, context);
    assert.deepEqual(applied.result === 'ok' && applied.delta, { ops: [['add', 'a', NOW]] });
    const code = (t: unknown) => {
      const judged = set.apply(begun(), { ops: [['add', 'a', t]] }, context);
      return judged.result === 'invalid' ? judged.code : judged.result;
    };
    assert.equal(code(NOW + MAX_SET_AHEAD_MS), 'ok');
    for (const t of [NOW + MAX_SET_AHEAD_MS + 1, -1, 1.5, '1', null, Number.MAX_VALUE, Number.NaN])
      assert.equal(code(t), 'badTime', String(t));
    const merge = set.apply(begun(), { merge: { removes: [['a', NOW + MAX_SET_AHEAD_MS + 1]] } }, context);
    assert.equal(merge.result === 'invalid' && merge.code, 'badTime');
  });

  it('[SETK7] an element is a string of at most 1,024 bytes of well-formed Unicode', () => {
    const code = (element: unknown) => {
      const judged = set.apply(begun(), { ops: [['add', element, 1]] }, context);
      return judged.result === 'invalid' ? judged.code : judged.result;
    };
    for (const element of [
      '',
      'a'.repeat(1_024),
      '€'.repeat(341),
      '😀'.repeat(256),
      'é'.repeat(512),
      '__proto__',
      '\u0000',
    ])
      assert.equal(code(element), 'ok', element.slice(0, 9));
    for (const element of [
      'a'.repeat(1_025),
      '€'.repeat(342),
      '😀'.repeat(257),
      'é'.repeat(513),
      '\ud800',
      1,
      null,
      {},
      ['a'],
    ])
      assert.equal(code(element), 'badElement');
  });

  it('[SETK8] the bias is fixed with the first operation', () => {
    const judge = (state: SetState, which: unknown) => set.apply(state, { create: { bias: which } }, context);
    assert.equal(judge(set.empty(), 'other').result, 'invalid');
    assert.equal(set.apply(set.empty(), { create: { colour: 1 } }, context).result, 'invalid');
    const plain = set.apply(set.empty(), { create: {} }, context);
    assert.deepEqual(plain.result === 'ok' && plain.delta, { create: { bias: 'add' } });
    const without = post(set.empty(), { ops: [['add', 'a', 1]] });
    assert.equal(judge(without, 'remove').result, 'invalid');
    assert.equal(judge(without, 'add').result, 'unchanged');
    assert.deepEqual(Object.keys(value(without)), ['members', 'adds', 'removes']);
    assert.equal(value(begun('remove')).bias, 'remove');
    assert.equal(judge(begun('remove'), 'add').result, 'invalid');
  });

  it('[SETK9] anything else is invalid, changes nothing and never throws', () => {
    const state = of('add', ['add', 'a', 1]);
    const bad = [
      {},
      { ops: [] },
      { ops: [['add']] },
      { ops: [['put', 'a']] },
      { ops: [['add', 'a', 1, 2]] },
      { ops: { add: 'a' } },
    ];
    for (const each of [
      ...bad,
      { merge: [] },
      { merge: { add: [] } },
      { merge: { adds: [['a']] } },
      { add: 'a' },
      { ops: [['add', 'a']], merge: {} },
    ])
      assert.equal(set.apply(state, each, context).result, 'invalid', JSON.stringify(each));
    fc.assert(fc.property(fc.anything(), (each) => assert.notEqual(set.apply(state, each, context).result, 'ok')));
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('ops', 'merge', 'create'), (each, form) => {
        set.apply(state, { [form]: each }, context);
        set.apply(state, { [form]: [each] }, context);
      }),
    );
    // One bad operation refuses all.
    assert.equal(
      set.apply(
        state,
        {
          ops: [
            ['add', 'b', 1],
            ['add', 'c', -1],
          ],
        },
        context,
      ).result,
      'invalid',
    );
  });

  it('[SETK10] news beyond 48 KiB in one update, or a set beyond its limit, is tooLarge and changes nothing', () => {
    const element = (n: number) => `${n}`.padEnd(1_000, '.');
    const news = (count: number) => Array.from({ length: count }, (_, n): SetOp => ['add', element(n), 1]);
    assert.deepEqual(set.apply(begun(), { ops: news(60) }, context), { result: 'tooLarge', limit: MAX_DELTA_BYTES });
    let state = begun();
    let refused: unknown;
    let count = 0;
    for (; refused === undefined && count < 2_000; count += 20) {
      const applied = set.apply(state, { ops: news(count + 20).slice(count) }, context);
      if (applied.result === 'ok') state = applied.state;
      else refused = applied;
    }
    assert.deepEqual(refused, { result: 'tooLarge', limit: MAX_SET_BYTES });
    const bytes = Buffer.byteLength(JSON.stringify(set.encode(state)));
    assert.ok(bytes <= state.bytes && bytes > MAX_SET_BYTES - 25_000, `${bytes}`);
    assert.equal(set.apply(state, { ops: [['add', element(0), 2]] }, context).result, 'ok', 'what is there can change');
    // A replica of which the set has most goes through, however large it is.
    const replica = value(post(state, { ops: [['remove', element(0), 9]] }));
    const merge = set.apply(state, { merge: { adds: replica.adds, removes: replica.removes } }, context);
    assert.deepEqual(merge.result === 'ok' && merge.delta, { ops: [['remove', element(0), 9]] });
  });

  it('[SETK11] a change of a large set copies little of it', () => {
    let state = begun();
    for (let n = 0; n < 20_000; n += 500)
      state = post(state, {
        ops: Array.from({ length: 500 }, (_, i): SetOp => ['add', `${((n + i) * 7919) % 20_000}`, 1]),
      });
    assert.equal(members(state).length, 20_000);
    assert.deepEqual(members(state), [...members(state)].sort());
    const next = post(state, { ops: [['remove', '777', 2]] });
    const shared = next.entries.filter((chunk) => state.entries.includes(chunk)).length;
    assert.equal(shared, state.entries.length - 1);
    assert.ok(Math.max(...next.entries.map((chunk) => chunk.length)) <= 128);
  });
});
