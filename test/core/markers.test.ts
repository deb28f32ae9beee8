import assert from 'node:assert/strict';
import fc from 'fast-check';
import { filterOf } from '../../src/core/filter.ts';
import { decodeSeen, encodeSeen, idHash, type Marker, Markers } from '../../src/core/marker.ts';
import { NO_ROSTER } from '../../src/core/presence/tell-roster.ts';
import { MAX_ID_CHARS, MAX_MARKER_CHARS } from '../../src/protocol/limits.ts';

const version = fc.integer({ min: 0, max: 2 ** 45 });
const seenEntry = fc
  .record({ v: version, gap: fc.nat(5_000), blind: fc.boolean() })
  .map(({ v, gap, blind }) => ({ v, pv: Math.max(0, v - gap), ...(blind ? { blind: true as const } : {}) }));
const seenMap = fc
  .array(fc.tuple(fc.string({ minLength: 1 }), seenEntry), { maxLength: 200 })
  .map((pairs) => new Map(pairs.map(([id, seen]) => [idHash(id), seen])));
const marker: fc.Arbitrary<Marker> = fc.record(
  {
    e: fc.string({ maxLength: 16 }),
    T: fc.integer({ min: 0, max: 2 ** 45 }),
    filter: fc.string({ maxLength: 16 }),
    seen: seenMap,
    roster: fc.oneof(
      fc.constant(NO_ROSTER),
      fc.record(
        { life: fc.string({ maxLength: 6 }), n: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }) },
        { noNullPrototype: true },
      ),
    ),
    cycle: fc.record(
      { after: fc.string({ maxLength: 20 }), t1: fc.nat(), snap: fc.boolean() },
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: ['e', 'T', 'filter', 'seen', 'roster'], noNullPrototype: true },
);
const markers = new Markers(['secret']);

function plain(over: Partial<Marker> = {}): Marker {
  return { e: 'e'.repeat(16), T: 1_700_000_000_000, filter: '', seen: new Map(), roster: NO_ROSTER, ...over };
}

describe('markers', () => {
  it('[MK1] what was sealed opens in its space, unchanged', () => {
    fc.assert(
      fc.property(marker, (each) => {
        const { text, spill } = markers.seal('space', each);
        const opened = markers.open('space', text);
        assert.ok(opened.status === (spill ? 'seenElsewhere' : 'ok'));
        assert.deepEqual(opened.marker, spill ? { ...each, seen: new Map() } : each);
      }),
    );
  });

  it('[MK2] in another space, or with any character changed, it is bad or means the same', () => {
    const sealed = plain({ seen: new Map([[idHash('a'), { v: 300, pv: 2 }]]) });
    const { text } = markers.seal('space', sealed);
    assert.equal(markers.open('other', text).status, 'bad');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = text.slice(0, at) + char + text.slice(at + 1);
        const opened = markers.open('space', changed);
        if (opened.status === 'ok') assert.deepEqual(opened.marker, sealed);
        else if (at >= 4) assert.equal(opened.status, 'bad');
      }),
      { numRuns: 2_000 },
    );
  });

  it('[MK3] nothing makes open throw', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
      fc
        .tuple(fc.constant(markers.seal('space', plain()).text), fc.nat(200), fc.string())
        .map(([text, at, more]) => text.slice(0, at) + more + text.slice(at)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        assert.ok(
          ['ok', 'bad', 'unknownKey', 'otherFormat', 'seenElsewhere'].includes(markers.open('space', text).status),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('[MK4] the first secret seals, all open; with a secret that is gone the key is unknown', () => {
    const old = new Markers(['old']).seal('space', plain()).text;
    const both = new Markers(['new', 'old']);
    assert.equal(both.open('space', old).status, 'ok');
    const fresh = both.seal('space', plain()).text;
    assert.equal(new Markers(['new']).open('space', fresh).status, 'ok');
    assert.equal(new Markers(['old']).open('space', fresh).status, 'unknownKey');
    assert.equal(new Markers(['new']).open('space', old).status, 'unknownKey');
  });

  it('[MK5] more than 200 seen items are left to a record that the marker names; equal maps make equal records', () => {
    const seen = new Map(Array.from({ length: 201 }, (_, i) => [idHash(`item${i}`), { v: i + 1, pv: i }]));
    const { text, spill } = markers.seal('space', plain({ seen }));
    assert.ok(spill && text.length < 300);
    const opened = markers.open('space', text);
    assert.ok(opened.status === 'seenElsewhere' && opened.name === spill.name);
    assert.deepEqual(decodeSeen(spill.bytes), seen);
    const reversed = new Map([...seen].reverse());
    assert.deepEqual(markers.seal('space', plain({ seen: reversed })).spill, spill);
    const few = new Map([...seen].slice(0, 200));
    assert.equal(markers.seal('space', plain({ seen: few })).spill, undefined);
  });

  it('[MK6] a marker is at most 4,096 characters and opens, however large its versions and long its ids', () => {
    const seen = new Map(Array.from({ length: 200 }, (_, i) => [idHash(`item${i}`), { v: 2 ** 40 + i, pv: 2 ** 20 }]));
    const cycle = { after: 'a'.repeat(MAX_ID_CHARS), t1: 1_700_000_000_000, snap: true };
    const roster = { life: 'l'.repeat(6), n: Array.from({ length: 8 }, () => 2 ** 31) };
    const { text } = markers.seal('space', plain({ seen, cycle, filter: 'f'.repeat(16), roster }));
    assert.ok(text.length <= MAX_MARKER_CHARS, `${text.length} characters`);
    assert.notEqual(markers.open('space', text).status, 'bad');
  });

  it('[MK7] what was seen survives its encoding, in any order', () => {
    fc.assert(fc.property(seenMap, (seen) => assert.deepEqual(decodeSeen(encodeSeen(seen)), seen)));
  });

  it('[MK7] no bytes make decoding throw or hang', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeSeen(Buffer.from(bytes))));
  });
});

describe('filters', () => {
  it('[MK8] the same kinds and ids in another order are the same filter; anything else is another', () => {
    const one = filterOf({ kinds: ['b', 'a'], ids: ['x*', 'y', 'y'] });
    assert.equal(one.hash, filterOf({ kinds: ['a', 'b', 'a'], ids: ['y', 'x*'] }).hash);
    const others = [
      {},
      { kinds: ['a'] },
      { ids: ['y', 'x*'] },
      { kinds: ['a', 'b'], ids: ['y', 'x'] },
      { kinds: ['y', 'x*'], ids: ['a', 'b'] },
    ];
    const hashes = new Set([one, ...others.map(filterOf)].map(({ hash }) => hash));
    assert.equal(hashes.size, 6);
  });

  it('[MK8] an id matches exactly or by prefix', () => {
    const filter = filterOf({ ids: ['card:*', 'note'] });
    assert.deepEqual(
      ['card:', 'card:1', 'car', 'note', 'notes'].map((id) => filter.matches(id)),
      [true, true, false, true, false],
    );
    assert.ok(filterOf({ ids: ['*'] }).matches('anything'));
    assert.ok(filterOf({ kinds: ['x'] }).matches('anything'));
  });
});
