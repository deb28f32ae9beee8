import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ANY_HASH, decideRestore, markAfter } from '../../src/core/decide-restore.ts';
import {
  decideUpdate,
  findRepeat,
  hashUpdate,
  remember,
  rememberWrite,
  type Writer,
} from '../../src/core/decide-update.ts';
import { absentHead } from '../../src/core/load-item.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import type { Head } from '../../src/model/head.ts';
import { MAX_REMEMBERED_CLIENTS } from '../../src/protocol/limits.ts';
import type { Update } from '../../src/protocol/post-update.ts';
import { journal } from '../doubles/journal-kind.ts';
import { TEST_KINDS } from '../support/engine-fixture.ts';
import { sampleHead } from '../support/sample-heads.ts';

const context = { now: 10_000, version: 5 };
const writer = (over: Partial<Writer> = {}): Writer => ({
  key: 's/c',
  client: 'c',
  seq: 1,
  place: 0,
  hash: 'h',
  ...over,
});

function decide(head: Head, update: Partial<Update>, state: unknown = head.body ?? null) {
  return decideUpdate(TEST_KINDS, head, () => state, { item: 'a', ...update }, context);
}

describe('what an update does to an item', () => {
  it('[PU50] accepted: the new state and the operation; the old state is not touched', () => {
    const state = { x: 1 };
    const verdict = decide(sampleHead(), { op: { merge: { y: 2 } } }, state);
    assert.ok(verdict.kind === 'accept');
    assert.deepEqual(
      [verdict.applied.state, verdict.applied.delta, verdict.creates],
      [{ x: 1, y: 2 }, { merge: { y: 2 } }, false],
    );
    assert.deepEqual(state, { x: 1 });
  });

  it('[PU50] on a dead or absent item it begins from the empty state of the kind it names', () => {
    for (const head of [absentHead(0), absentHead(77), sampleHead({ dead: true, kind: 'journal' })]) {
      const verdict = decide(head, { op: { merge: { y: 2 } } });
      assert.ok(verdict.kind === 'accept' && verdict.creates);
      assert.deepEqual([verdict.itemKind.name, verdict.applied.state], ['register', { y: 2 }]);
    }
  });

  it('[PU51] the precondition is judged before the operation', () => {
    const verdict = decide(sampleHead(), { op: { nonsense: 1 }, ifVersion: 4 });
    assert.ok(verdict.kind === 'refuse' && verdict.result.result === 'conflict' && verdict.result.version === 5);
  });

  it('[PU52] a delete of something living is accepted, of something dead it is unchanged', () => {
    assert.equal(decide(sampleHead(), { op: { delete: true } }).kind, 'delete');
    const dead = decide(sampleHead({ dead: true }), { op: { delete: true } });
    assert.ok(dead.kind === 'refuse' && dead.result.result === 'ok' && dead.result.version === 5);
  });
});

describe('repeats', () => {
  const head = sampleHead({ seqs: { 's/c': [4, 1, 77, 'h'] }, seqFloor: 2 });

  it('[PU53] same number, place and body: a repeat with the version it made; newer: new; older: seqTooOld', () => {
    assert.deepEqual(findRepeat(head, writer({ seq: 4, place: 1 })), { kind: 'repeat', version: 77 });
    assert.equal(findRepeat(head, writer({ seq: 5 })).kind, 'new');
    const old = findRepeat(head, writer({ seq: 3 }));
    assert.equal(old.kind === 'refused' && old.code, 'seqTooOld');
  });

  it('[PU53] another body or place under the number: seqReused, unless a restore brought it back', () => {
    for (const other of [writer({ seq: 4, place: 0 }), writer({ seq: 4, place: 1, hash: 'x' })]) {
      const found = findRepeat(head, other);
      assert.equal(found.kind === 'refused' && found.code, 'seqReused');
      const restored = sampleHead({ seqs: { 's/c': [4, 0, 77, ANY_HASH] } });
      assert.equal(findRepeat(restored, other).kind, 'repeat');
    }
  });

  it('[PU54] a client that is not remembered: new above the floor of forgotten numbers, seqTooOld up to it', () => {
    assert.equal(findRepeat(head, writer({ key: 's/other', seq: 3 })).kind, 'new');
    assert.equal(findRepeat(head, writer({ key: 's/other', seq: 2 })).kind, 'refused');
    assert.equal(findRepeat(sampleHead(), writer({ key: 'toString' })).kind, 'new');
  });

  it('[PU54] whatever the order of writers, an applied request is never taken for a new one', () => {
    const request = fc.record({ client: fc.nat(400), more: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(fc.array(request, { minLength: 300, maxLength: 700 }), (requests) => {
        let memory: Pick<Head, 'seqs' | 'seqFloor'> = { seqs: {}, seqFloor: 0 };
        const applied: Writer[] = [];
        const next = new Map<number, number>();
        for (const { client, more } of requests) {
          const seq = (next.get(client) ?? 0) + more;
          next.set(client, seq);
          const each = writer({ key: `s/${client}`, seq });
          if (findRepeat(sampleHead(memory), each).kind !== 'new') continue;
          memory = remember(memory, each, 1);
          applied.push(each);
        }
        assert.ok(Object.keys(memory.seqs).length <= MAX_REMEMBERED_CLIENTS);
        const final = sampleHead(memory);
        for (const each of applied) assert.notEqual(findRepeat(final, each).kind, 'new');
      }),
      { numRuns: 20 },
    );
  });

  it('[PU55] the client that wrote least recently is forgotten first', () => {
    let memory: Pick<Head, 'seqs' | 'seqFloor'> = { seqs: {}, seqFloor: 0 };
    for (let i = 0; i < MAX_REMEMBERED_CLIENTS; i++) memory = remember(memory, writer({ key: `s/${i}` }), 1);
    memory = remember(memory, writer({ key: 's/0', seq: 2 }), 2);
    memory = remember(memory, writer({ key: 's/new', seq: 9 }), 3);
    assert.ok('s/0' in memory.seqs && !('s/1' in memory.seqs) && memory.seqFloor === 1);
  });

  it('[PU55] of writes without a client the last four are known', () => {
    let ids: readonly string[] = [];
    for (const id of ['a', 'b', 'c', 'd', 'e']) ids = rememberWrite(ids, id);
    assert.deepEqual(ids, ['b', 'c', 'd', 'e']);
  });

  it('[PU56] the hash tells updates apart by everything in them', () => {
    const updates: Update[] = [
      { item: 'a', op: { set: 1 } },
      { item: 'b', op: { set: 1 } },
      { item: 'a', op: { set: '1' } },
      { item: 'a', op: { set: 1 }, release: true },
      { item: 'a', op: { set: 1 }, ifVersion: 0 },
    ];
    assert.equal(new Set(updates.map(hashUpdate)).size, updates.length);
  });
});

describe('what a restore does', () => {
  const back = { from: 3, ceil: 100, got: 3, untilMs: 20_000 };
  const head = sampleHead({ kind: 'journal', v: 101, ceil: 2_000, back });
  const deltas = [4, 5, 6].map((version) => ({ version, op: { add: `${version}` }, clientId: 'c', seq: version }));
  const restore = (from: number, chain: readonly object[], on: Head = head) =>
    decideRestore(TEST_KINDS, on, () => ['0'], { item: 'j' }, { from, deltas: chain as typeof deltas }, context);

  it('[RS20] the part of a chain that reaches further than what is there is applied, the rest skipped', () => {
    const all = restore(3, deltas);
    assert.ok(all.kind === 'restore');
    assert.deepEqual([all.state, all.back.got, all.ops.length], [['0', '4', '5', '6'], 6, 3]);
    const rest = restore(3, deltas, { ...head, back: { ...back, got: 5 } });
    assert.ok(rest.kind === 'restore');
    assert.deepEqual([rest.ops.map(({ op }) => op), rest.back.got], [[{ add: '6' }], 6]);
    assert.equal(restore(3, deltas.slice(0, 2), { ...head, back: { ...back, got: 5 } }).kind, 'refuse');
  });

  it('[RS20] gaps are allowed: numbers may have been skipped', () => {
    const gappy = restore(
      3,
      [deltas[0], deltas[2]].filter((each) => each !== undefined),
    );
    assert.ok(gappy.kind === 'restore' && gappy.ops.length === 2);
  });

  it('[RS21] the time is over strictly after untilMs', () => {
    assert.equal(restore(3, deltas, { ...head, back: { ...back, untilMs: 10_000 } }).kind, 'restore');
    const late = restore(3, deltas, { ...head, back: { ...back, untilMs: 9_999 } });
    assert.ok(late.kind === 'refuse' && late.result.result === 'invalid' && late.result.code === 'notRolledBack');
  });

  it('[RS22] a deleted item is not brought back', () => {
    const dead = restore(3, deltas, { ...head, dead: true });
    assert.ok(dead.kind === 'refuse' && dead.result.result === 'ok');
  });

  it('[RS23] what changes nothing any more is left out, and a chain of nothing else is ok and changes nothing', () => {
    const once: Kind<readonly string[]> = {
      ...journal,
      apply: (state, op, at) =>
        state.includes((op as { add: string }).add) ? { result: 'unchanged' } : journal.apply(state, op, at),
    };
    const kinds = new Map([['journal', once as Kind]]);
    const restoreInto = (state: readonly string[]) =>
      decideRestore(kinds, head, () => state, { item: 'j' }, { from: 3, deltas }, context);
    const some = restoreInto(['5']);
    assert.ok(some.kind === 'restore');
    assert.deepEqual(
      [some.state, some.ops.map(({ op }) => op)],
      [
        ['5', '4', '6'],
        [{ add: '4' }, { add: '6' }],
      ],
    );
    const none = restoreInto(['4', '5', '6']);
    assert.ok(none.kind === 'refuse' && none.result.result === 'ok' && none.result.version === head.v);
  });

  it('[RS13] numbers from the first one posted since are skipped, those before and those of others are not', () => {
    const posted = { ...back, posted: { c: 5 } };
    const mixed = [
      ...deltas,
      { version: 7, op: { add: '7' }, clientId: 'd', seq: 5 },
      { version: 8, op: { add: '8' } },
    ];
    const some = restore(3, mixed, { ...head, back: posted });
    assert.ok(some.kind === 'restore');
    assert.deepEqual([some.state, some.back], [['0', '4', '7', '8'], { ...posted, got: 8 }]);
  });

  it('[RS13] the mark knows the first number of each client; of too many clients nothing can be restored any more', () => {
    const now = 10_000;
    const one = markAfter(back, now, { client: 'c', seq: 7 }).back;
    assert.deepEqual(one?.posted, { c: 7 });
    assert.equal(markAfter(one, now, { client: 'c', seq: 8 }).back, one);
    assert.equal(markAfter(one, now, undefined).back, one);
    const odd = markAfter(one, now, { client: '__proto__', seq: 3 }).back;
    assert.deepEqual(Object.entries(JSON.parse(JSON.stringify(odd)).posted), [
      ['c', 7],
      ['__proto__', 3],
    ]);
    let mark: Head['back'] = one;
    for (let n = 1; n < MAX_REMEMBERED_CLIENTS; n++) mark = markAfter(mark, now, { client: `c${n}`, seq: 1 }).back;
    assert.equal(mark?.got, back.got);
    assert.equal(markAfter(mark, now, { client: 'one more', seq: 1 }).back?.got, back.ceil);
  });

  it('[RS24] after two rollbacks each chain counts against that which took it, by its numbers', () => {
    const before = { ...back, got: 5, posted: { c: 9 } };
    const both = { ...head, v: 202, back: { from: 103, ceil: 200, got: 103, untilMs: 20_000, before: [before] } };
    const first = restore(3, deltas, both);
    assert.ok(first.kind === 'restore');
    assert.deepEqual([first.state, first.back.got, first.back.before?.[0]?.got], [['0', '6'], 103, 6]);
    const newer = [{ version: 104, op: { add: '104' }, clientId: 'd', seq: 1 }];
    const second = restore(101, newer, { ...both, back: first.back });
    assert.ok(second.kind === 'restore');
    assert.deepEqual([second.state, second.back.got, second.back.before?.[0]?.got], [['0', '104'], 104, 6]);
    const posted = markAfter(second.back, 10_000, { client: 'e', seq: 4 }).back;
    assert.deepEqual([posted?.posted, posted?.before?.[0]?.posted], [{ e: 4 }, { c: 9, e: 4 }]);
  });

  it('[RS25] an operation that is known under numbers of both lives is restored once', () => {
    const both = { ...head, v: 202, back: { from: 101, ceil: 200, got: 101, untilMs: 20_000, before: [back] } };
    const again = deltas.map((delta, i) => ({ ...delta, version: 102 + i }));
    const first = restore(101, again, both);
    assert.ok(first.kind === 'restore' && first.ops.length === 3);
    assert.equal(restore(3, deltas, { ...both, back: first.back }).kind, 'refuse');
    const more = restore(3, [...deltas, { version: 7, op: { add: '7' } }], { ...both, back: first.back });
    assert.ok(more.kind === 'restore');
    assert.deepEqual(more.ops, [{ op: { add: '7' }, count: 1 }]);
  });

  it('[RS26] what a chain had gaps in is brought back after it by whoever has it, with its sender, once', () => {
    const late = restore(3, deltas.slice(2));
    assert.ok(late.kind === 'restore');
    assert.deepEqual([late.state, late.back.got, late.back.gaps], [['0', '6'], 6, [[4, 5]]]);
    const after = { ...head, back: late.back };
    const unnamed = [{ version: 4, op: { add: '4' } }];
    assert.equal(restore(3, unnamed, after).kind, 'refuse', 'another life may have had it back');
    const one = restore(3, deltas.slice(1, 2), after);
    assert.ok(one.kind === 'restore');
    assert.deepEqual([one.state, one.back.got, one.back.gaps], [['0', '5'], 6, [[4, 4]]]);
    const all = restore(3, deltas, { ...head, back: one.back });
    assert.ok(all.kind === 'restore');
    assert.deepEqual([all.state, all.back], [['0', '4'], { ...back, got: 6 }]);
    assert.equal(restore(3, deltas, { ...head, back: all.back }).kind, 'refuse');
    const posted = { ...head, back: { ...late.back, posted: { c: 5 } } };
    const own = restore(3, deltas, posted);
    assert.ok(own.kind === 'restore');
    assert.deepEqual(own.state, ['0', '4'], 'its sender has sent the other again');
  });

  it('[RS26] nothing is open where the last operation wins, and nothing once nobody can tell any more; few gaps are remembered', () => {
    const last = new Map([['journal', { ...journal, lastWins: true } as Kind]]);
    const won = decideRestore(last, head, () => ['0'], { item: 'j' }, { from: 3, deltas: deltas.slice(2) }, context);
    assert.ok(won.kind === 'restore' && won.back.gaps === undefined);
    const late = restore(3, deltas.slice(2));
    assert.ok(late.kind === 'restore');
    const full = {
      ...late.back,
      posted: Object.fromEntries([...Array(MAX_REMEMBERED_CLIENTS).keys()].map((n) => [n, 1])),
    };
    assert.deepEqual(markAfter(full, 10_000, { client: 'more', seq: 1 }).back, {
      ...back,
      got: 100,
      posted: full.posted,
    });
    const sparse = Array.from({ length: 40 }, (_, i) => ({ ...deltas[0], version: 5 + 2 * i, seq: i + 1 }));
    const many = restore(3, sparse);
    assert.ok(many.kind === 'restore');
    assert.deepEqual([many.back.gaps?.length, many.back.gaps?.[0], many.back.gaps?.at(-1)], [32, [20, 20], [82, 82]]);
  });

  it('[RS12] the mark is gone strictly after untilMs', () => {
    assert.equal(markAfter(back, 20_000, undefined).back, back);
    assert.deepEqual(markAfter(back, 20_001, undefined), {});
  });
});
