import assert from 'node:assert/strict';
import fc from 'fast-check';
import { filterOf } from '../../src/core/filter.ts';
import { idHash, type Marker } from '../../src/core/marker.ts';
import { NO_ROSTER } from '../../src/core/presence/tell-roster.ts';
import { nextMarker, type SelectInput, selectItems } from '../../src/core/select-items.ts';
import { sampleHead } from '../support/sample-heads.ts';

const marker = (over: Partial<Marker> = {}): Marker => ({
  e: 'epoch',
  T: 1_000,
  filter: '',
  seen: new Map(),
  roster: NO_ROSTER,
  ...over,
});
const seen = (id: string, v: number, pv = v) => new Map([[idHash(id), { v, pv }]]);

function input(over: Partial<SelectInput> = {}): SelectInput {
  return {
    marker: marker(),
    epoch: 'epoch',
    T: 1_500,
    ids: ['a'],
    heads: new Map([['a', sampleHead({ v: 5, pv: 1, cu: 2_000 })]]),
    named: new Map([['a', [{ cu: 2_000, base: 3 }]]]),
    snapshot: false,
    filter: filterOf({}),
    limit: 10,
    room: 1_000,
    known: undefined,
    ...over,
  };
}

describe('which items a reader is told of', () => {
  it('[GU60] a version above the base is told, from the base on; the marker remembers it while it can be named again', () => {
    const selection = selectItems(input());
    assert.deepEqual(
      selection.chosen.map(({ id, from }) => [id, from]),
      [['a', 3]],
    );
    assert.deepEqual(selection.seen, seen('a', 5, 1));
    const later = selectItems(input({ T: 2_001 }));
    assert.equal(later.seen.size, 0);
  });

  it('[GU60] what the chain has seen is not told again; a newer version is, from the one it has', () => {
    assert.deepEqual(selectItems(input({ marker: marker({ seen: seen('a', 5, 1) }) })).chosen, []);
    const [chosen] = selectItems(input({ marker: marker({ seen: seen('a', 4) }) })).chosen;
    assert.equal(chosen?.from, 4);
  });

  it('[GU60] `known` only chooses where the deltas begin', () => {
    const [chosen] = selectItems(input({ known: { a: 2 } })).chosen;
    assert.equal(chosen?.from, 2);
    assert.deepEqual(selectItems(input({ known: { a: 2 }, marker: marker({ seen: seen('a', 5) }) })).chosen, []);
    assert.equal(selectItems(input({ known: { a: 9 } })).chosen.length, 1);
  });

  it('[GU61] an id named like a member of Object.prototype is not known', () => {
    const heads = new Map([['constructor', sampleHead()]]);
    const named = new Map([['constructor', [{ cu: 2_000, base: 3 }]]]);
    const [chosen] = selectItems(input({ ids: ['constructor'], heads, named, known: {} })).chosen;
    assert.equal(chosen?.from, 3);
  });

  it('[DU22] what became stored without a new version is told as durable, once', () => {
    const heads = new Map([['a', sampleHead({ v: 5, pv: 5 })]]);
    const first = selectItems(input({ heads, marker: marker({ seen: seen('a', 5, 1) }) }));
    assert.deepEqual([first.chosen, first.durable], [[], { a: 5 }]);
    const again = selectItems(input({ heads, marker: marker({ seen: first.seen }) }));
    assert.deepEqual([again.chosen, again.durable], [[], {}]);
  });

  it('[GU62] of full pages the marker keeps time and cursor, the last one moves to the time of the first', () => {
    const ids = ['a', 'b', 'c'];
    const heads = new Map(ids.map((id) => [id, sampleHead()]));
    const named = new Map(ids.map((id) => [id, [{ cu: 2_000, base: 3 }]]));
    const one = input({ ids, heads, named, limit: 2 });
    const page = selectItems(one);
    assert.deepEqual([page.chosen.length, page.left, page.stoppedAfter], [2, 1, 'b']);
    const middle = nextMarker(one, page);
    assert.deepEqual([middle.T, middle.cycle], [1_000, { after: 'b', t1: 1_500, snap: false }]);
    const two = input({ ids: ['c'], heads, named, limit: 2, marker: middle, T: 1_900 });
    const last = nextMarker(two, selectItems(two));
    assert.deepEqual([last.T, last.cycle, last.seen.size], [1_500, undefined, 3]);
  });

  it('[GU63] in pages of any size, each due item is told exactly once', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 8 }), (all, limit) => {
        const sorted = [...all].sort();
        const heads = new Map(sorted.map((id) => [id, sampleHead()]));
        const named = new Map(sorted.map((id) => [id, [{ cu: 2_000, base: 3 }]]));
        const told: string[] = [];
        let current = marker();
        for (let page = 0; page <= sorted.length + 1; page++) {
          const after = current.cycle?.after ?? '';
          const asked = input({ ids: sorted.filter((id) => id > after), heads, named, limit, marker: current });
          const selection = selectItems(asked);
          told.push(...selection.chosen.map(({ id }) => id));
          current = nextMarker(asked, selection);
          if (!current.cycle) break;
        }
        assert.deepEqual(told, sorted);
        assert.equal(current.cycle, undefined);
      }),
    );
  });

  it('[GU86] a page holds as much of large values as there is room for, at least one, and each item comes once', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const sizes = fc.array(fc.option(fc.nat({ max: 1_500 })), { minLength: ids.length, maxLength: ids.length });
    fc.assert(
      fc.property(sizes, fc.boolean(), (all, snapshot) => {
        const sized = (i: number) => all[i] ?? 0;
        const heads = new Map(
          ids.map((id, i) => {
            const ref = { key: `body-${id}`, v: 5, bytes: sized(i) };
            return [id, sampleHead({ v: 5, tb: 5, ...(all[i] === null ? {} : { ref }) })];
          }),
        );
        const named = new Map(ids.map((id) => [id, [{ cu: 2_000, base: 3 }]]));
        const told: string[] = [];
        let current = snapshot ? undefined : marker();
        do {
          const after = current?.cycle?.after ?? '';
          const asked = input({ ids: ids.filter((id) => id > after), heads, named, snapshot, marker: current });
          const page = selectItems(asked);
          const places = page.chosen.map(({ id }) => ids.indexOf(id));
          assert.equal(
            page.bytes,
            places.reduce((sum, i) => sum + sized(i), 0),
          );
          assert.ok(page.bytes <= asked.room || places.filter((i) => sized(i) > 0).length === 1, String(places));
          told.push(...page.chosen.map(({ id }) => id));
          current = nextMarker(asked, page);
        } while (current.cycle);
        assert.deepEqual(told, ids);
      }),
    );
  });

  it('[GU86] deltas count as what they are', () => {
    const ids = ['a', 'b'];
    const seg = { key: 's', from: 1, to: 4, bytes: 10 };
    const ref = { key: 'body', v: 1, bytes: 900 };
    const heads = new Map(ids.map((id) => [id, sampleHead({ v: 5, tb: 1, segs: [seg], ref })]));
    const named = new Map(ids.map((id) => [id, [{ cu: 2_000, base: 3 }]]));
    assert.equal(selectItems(input({ ids, heads, named })).bytes, 20);
    assert.equal(selectItems(input({ ids, heads, named, known: { a: 5, b: 4 }, snapshot: true })).bytes, 0);
    assert.equal(selectItems(input({ ids, heads, named: new Map(), marker: undefined, snapshot: true })).left, 1);
  });

  it('[GU64] a snapshot tells of everything alive, of dead items only those the caller holds', () => {
    const heads = new Map([
      ['alive', sampleHead()],
      ['dead', sampleHead({ dead: true })],
      ['held', sampleHead({ dead: true })],
    ]);
    const ids = ['alive', 'dead', 'held'];
    const selection = selectItems(
      input({ ids, heads, named: new Map(), snapshot: true, marker: undefined, known: { held: 4 } }),
    );
    assert.deepEqual(
      selection.chosen.map(({ id }) => id),
      ['alive', 'held'],
    );
  });

  it('[GU65] kinds that were not asked for are passed over and remembered', () => {
    const selection = selectItems(input({ filter: filterOf({ kinds: ['journal'] }) }));
    assert.deepEqual([selection.chosen, selection.seen.size], [[], 1]);
  });
});
