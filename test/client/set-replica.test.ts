import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import { set as clientSet } from '../../src/client/set.ts';
import { SetReplica } from '../../src/client/set-replica.ts';
import { type SetState, type SetValue, set } from '../../src/kinds/set.ts';
import { MAX_DELTA_BYTES } from '../../src/protocol/limits.ts';

const context = { now: 1_000_000, version: 1 };

function server(ops: readonly Json[], from: SetState = set.empty()): SetState {
  return ops.reduce((state: SetState, op) => {
    const applied = set.apply(state, op, context);
    assert.ok(applied.result === 'ok' || applied.result === 'unchanged', JSON.stringify(applied));
    return applied.result === 'ok' ? applied.state : state;
  }, from);
}

describe('a set at the client', () => {
  it('[SETK20] replicas that were apart are the same once each has what the others have, in whatever order it comes', () => {
    const act = fc.tuple(fc.nat(2), fc.constantFrom('add', 'remove', 'sync'), fc.constantFrom('a', 'b', 'c', 'd'));
    const property = fc.property(fc.array(act, { maxLength: 40 }), fc.boolean(), (acts, backwards) => {
      let clock = 0;
      const replicas = [0, 3, -2].map((skew) => new SetReplica(() => Math.max(0, clock + skew)));
      let state = set.empty();
      const sync = (replica: SetReplica) => {
        const parts = replica.parts();
        state = server([...(backwards ? parts.toReversed() : parts), ...parts.slice(0, 1)], state);
        replica.merge(set.value(state) as SetValue);
      };
      for (const [who, what, element] of acts) {
        clock++;
        const replica = replicas[who] as SetReplica;
        if (what === 'sync') sync(replica);
        else replica[what as 'add' | 'remove'](element);
      }
      for (const replica of [...replicas, ...replicas]) sync(replica);
      for (const replica of replicas) assert.deepEqual(replica.value, set.value(state));
    });
    fc.assert(property);
  });

  it('[SETK20] what was done last at one replica stands, also within one millisecond', () => {
    const replica = new SetReplica(() => 5);
    replica.add('a');
    replica.remove('a');
    assert.deepEqual([replica.members, replica.has('a')], [[], false]);
    replica.add('a');
    assert.equal(replica.has('a'), true);
    assert.throws(() => replica.add('a'.repeat(1_025)), /badElement/);
  });

  it('[SETK21] a replica is sent in parts that an update takes', () => {
    const replica = new SetReplica(() => 5);
    for (let n = 0; n < 1_000; n++)
      replica.add(`${n}`.padEnd(n % 2 ? 1_000 : 10, n % 3 ? '€' : '\u0001').slice(0, 340));
    for (let n = 0; n < 300; n++) replica.remove(`${n}`);
    const parts = replica.parts();
    for (const part of parts) assert.ok(Buffer.byteLength(JSON.stringify(part)) < MAX_DELTA_BYTES);
    assert.deepEqual(set.value(server(parts)), replica.value);
    assert.deepEqual(new SetReplica(() => 5).parts(), []);
  });

  it('[SETK22] the client library opens values, folds operations that have times, and no others', () => {
    for (const bias of ['add', 'remove'] as const) {
      const state = server([
        { create: { bias } },
        {
          ops: [
            ['add', 'b', 3],
            ['remove', 'a', 3],
            ['add', 'a', 3],
          ],
        },
      ]);
      const opened = clientSet.open(JSON.parse(JSON.stringify(set.value(state))) as Json) as SetState;
      assert.deepEqual(set.encode(opened), set.encode(state));
      assert.equal(opened.bytes, state.bytes);
    }
    const [a, b] = [{ ops: [['add', 'a', 1]] }, { ops: [['remove', 'a', 2]] }];
    assert.deepEqual(clientSet.fold(a, b), { ops: [...a.ops, ...b.ops] });
    for (const other of [{ ops: [['add', 'a']] }, { merge: {} }, { create: {} }] as Json[]) {
      assert.equal(clientSet.fold(a, other), undefined);
      assert.equal(clientSet.fold(other, b), undefined);
    }
  });
});
