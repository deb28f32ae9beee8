import assert from 'node:assert/strict';
import fc from 'fast-check';
import { emptyRoster, hasLapsed, joined, left, patched, renewed } from '../../src/core/presence/roster-changes.ts';
import { markOf, NO_ROSTER, type RosterView, tellRoster } from '../../src/core/presence/tell-roster.ts';
import { ROSTER_SHARDS, type RosterShard, rosterShardOf } from '../../src/model/roster-record.ts';
import { MAX_GONE } from '../../src/protocol/limits.ts';

type Step = { readonly what: 'join' | 'leave' | 'say' | 'renew' | 'lose' | 'read'; readonly who: number };

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('join', 'leave', 'say', 'renew', 'read', 'join', 'say', 'lose'),
  who: fc.nat(11),
});

/** What a plain list of clients would be. */
type Model = Map<string, unknown>;

function change(shard: RosterShard, { what, who }: Step, at: number): RosterShard | undefined {
  const id = `c${who}`;
  if (what === 'join') return joined(shard, id, { g: at, s: 's', until: at, held: {}, data: at }, at);
  if (what === 'leave') return left(shard, id, at, at);
  if (what === 'say') return patched(shard, new Map([[id, { subject: 's', data: at }]]));
  if (what === 'renew') return renewed(shard, new Map([[id, at + 100]]), 1);
  return undefined;
}

describe('the roster', () => {
  it('[PR3] along any chain a reader that applies what it is told knows who is here, and is told nothing twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const view: (RosterShard | undefined)[] = Array.from({ length: ROSTER_SHARDS }, () => undefined);
        const model: Model = new Map();
        let reader: Model = new Map();
        let mark = NO_ROSTER;
        const read = (now: RosterView) => {
          let told = tellRoster(now, mark);
          if (told.lost) {
            reader = new Map();
            told = tellRoster(now, NO_ROSTER);
          }
          for (const { id, state, data } of told.clients) {
            if (state === 'left') reader.delete(id);
            else reader.set(id, data);
          }
          mark = told.mark;
          assert.deepEqual(tellRoster(now, mark).clients, []);
        };
        for (const [at, one] of steps.entries()) {
          const place = rosterShardOf(`c${one.who}`);
          const shard = view[place] ?? emptyRoster(`life ${at}`);
          if (one.what === 'lose') {
            for (const id of Object.keys(view[place]?.clients ?? {})) model.delete(id);
            view[place] = undefined;
          } else if (one.what === 'read') read([...view]);
          else {
            const after = change(shard, one, at);
            if (after) view[place] = after;
            const entry = view[place]?.clients[`c${one.who}`];
            if (entry) model.set(`c${one.who}`, entry.data);
            else model.delete(`c${one.who}`);
          }
        }
        read([...view]);
        assert.deepEqual(new Map([...reader].sort()), new Map([...model].sort()));
      }),
      { numRuns: 500 },
    );
  });

  it('[PR3] a renewed lease is nothing that readers are told', () => {
    const shard = joined(emptyRoster('l'), 'a', { g: 1, s: 's', until: 10, held: {} }, 1);
    const after = shard && renewed(shard, new Map([['a', 1_000]]), 100);
    assert.ok(shard && after && after.n === shard.n && after.clients.a?.until === 1_000);
    assert.equal(renewed(after, new Map([['a', 1_050]]), 100), undefined);
    assert.deepEqual(tellRoster([after], markOf([shard])).clients, []);
  });

  it('[PR32] those who left are remembered for ten minutes, and 500 of them at most', () => {
    let shard = emptyRoster('l');
    const come = (id: string, F: number) => {
      shard = joined(shard, id, { g: 1, s: 's', until: 0, held: {} }, F) ?? shard;
      shard = left(shard, id, 1, F) ?? shard;
    };
    come('first', 0);
    const mark = markOf([shard]);
    come('second', 1_000);
    assert.equal(tellRoster([shard], mark).lost, false);
    come('third', 600_900);
    assert.equal(tellRoster([shard], mark).lost, false);
    come('fourth', 601_100);
    assert.equal(tellRoster([shard], mark).lost, true);
    for (let i = 0; i < MAX_GONE + 10; i++) come(`c${i}`, 601_100);
    assert.equal(shard.gone.length, MAX_GONE);
  });

  it('[PR10] an older generation neither joins over a later one nor takes it out', () => {
    const shard = joined(emptyRoster('l'), 'a', { g: 3, s: 's', until: 0, held: {} }, 1);
    assert.ok(shard);
    assert.equal(joined(shard, 'a', { g: 2, s: 's', until: 0, held: {} }, 1), undefined);
    assert.equal(left(shard, 'a', 2, 1), undefined);
    assert.equal(left(shard, 'a', 3, 1)?.clients.a, undefined);
  });

  it('[PR23] a lease has ended when the floor says so and nobody renewed it for half of it, or after all of it by the own clock', () => {
    const seen = { g: 1, until: 30_000, at: 100_000 };
    const cases: readonly (readonly [now: number, F: number, lapsed: boolean])[] = [
      [100_000, 10_000_000, false],
      [114_999, 10_000_000, false],
      [115_000, 35_001, true],
      [115_000, 35_000, false],
      [134_999, 0, false],
      [135_000, 0, true],
    ];
    for (const [now, F, lapsed] of cases) assert.equal(hasLapsed(seen, now, F, 30_000, 5_000), lapsed, `${now} ${F}`);
  });
});
