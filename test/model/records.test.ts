import assert from 'node:assert/strict';
import fc from 'fast-check';
import { absentHead } from '../../src/core/load-item.ts';
import { rowOf } from '../../src/core/row-content.ts';
import { decodeFloor, encodeFloor } from '../../src/model/floor-record.ts';
import { decodeHead, encodeHead, encodePlaceholder, encodeStored, isPlaceholder } from '../../src/model/head.ts';
import { decodeRecord, decodeRecordText, FormatError } from '../../src/model/record.ts';
import {
  APART_FORMAT,
  coarse,
  coverPrefix,
  decodeRow,
  decodeSpaceRow,
  encodeRow,
  encodeSpaceRow,
} from '../../src/model/row.ts';
import { decodeShard, encodeEntry, encodeShard, extendShard } from '../../src/model/shard-record.ts';
import { FORMAT_VERSION } from '../../src/protocol/version.ts';
import { sampleHead } from '../support/sample-heads.ts';

const other = Buffer.from(`${FORMAT_VERSION + 1}{"e":"x"}`);

describe('records', () => {
  it('[KY12] every record begins with the format version', () => {
    const head = sampleHead();
    const texts = [
      encodeFloor({ e: 'e', F: 1, born: 0, rec: false }),
      encodeHead(head),
      encodePlaceholder('me'),
      encodeShard({ e: 'e', since: 0 }, []),
    ].map(String);
    texts.push(encodeRow('s', 'a', rowOf(head, null, 0)).data, encodeSpaceRow(decodeSpaceRow(undefined)).data);
    for (const text of texts) assert.ok(text.startsWith(`${FORMAT_VERSION}{`), text);
  });

  it('[KY17] a head marked as stored in its record is the head written anew', () => {
    const { pv: _pv, av: _av, ...rest } = sampleHead({ body: 'a value, with "pv":7 in it and \u20ac' });
    const count = fc.nat(1e9);
    fc.assert(
      fc.property(count, count, count, count, (pv, av, pv2, av2) => {
        const bytes = encodeHead({ pv, av, ...rest });
        const next = { pv: pv2, av: av2, ...rest };
        assert.deepEqual(encodeStored(next, bytes), encodeHead(next));
      }),
    );
    const other = { ...rest, pv: 4, av: 3 };
    assert.deepEqual(decodeHead(encodeStored(other, encodeHead({ ...rest, pv: 1 }))), other);
  });

  it('[KY13] a record of a format this build does not know is a FormatError, never misread', () => {
    const readers = [decodeFloor, decodeHead, decodeShard];
    for (const read of readers) assert.throws(() => read(Buffer.from(other)), FormatError);
    const row = { data: `${APART_FORMAT + 1}{}`, indexes: {} };
    assert.throws(() => decodeRow(row), FormatError);
    for (const text of ['', '{}', 'x', '11111{}', `${FORMAT_VERSION}`]) {
      assert.throws(() => decodeRecord(Buffer.from(text), 'test'), FormatError, text);
    }
    assert.throws(() => decodeRecordText('{"a":1}', 'test'), FormatError);
  });

  it('[KY14] heads, floors and rows come back as they were', () => {
    const head = sampleHead({
      tail: [{ v: 5, op: { set: 'é\u2028' }, t: 1, c: 'c', s: 2, i: 3 }],
      seqs: { 's/c': [1, 0, 5, 'h', { more: 1 }] },
      back: { from: 1, ceil: 2, got: 1, untilMs: 3 },
    });
    assert.deepEqual(decodeHead(encodeHead(head)), head);
    const floor = { e: 'e', F: 5, born: 1, rec: true };
    assert.deepEqual(decodeFloor(encodeFloor(floor)), floor);
    const row = rowOf(head, { x: 1 }, 99);
    assert.deepEqual(decodeRow(encodeRow('s', 'a', row)), row);
    const placeholder = decodeHead(encodePlaceholder('me'));
    assert.ok(isPlaceholder(placeholder) && placeholder.loading === 'me');
    assert.ok(!isPlaceholder(decodeHead(encodeHead(absentHead(0)))));
  });

  it('[KY15] a row is found by the indexes of what it is: open, due, coverage, tombstone', () => {
    const names = (over: object) =>
      Object.keys(encodeRow('s', 'a', { ...rowOf(sampleHead({ open: false }), null, 0), ...over }).indexes).sort();
    assert.deepEqual(names({ open: true }), ['cover', 'due', 'open']);
    assert.deepEqual(names({}), ['cover']);
    assert.deepEqual(names({ dead: true }), ['cover', 'tomb']);
    assert.deepEqual(names({ dead: true, open: true }), ['cover', 'due', 'open']);
    assert.deepEqual(names({ e: '' }), []);
  });

  it('[KY15] index strings sort as their times do', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 45), fc.nat(2 ** 45), (a, b) => {
        fc.pre(a <= b);
        assert.ok(coarse(a) <= coarse(b));
        assert.ok(coverPrefix('e', 1) + coarse(a) < `${coverPrefix('e', 1)}~`);
      }),
    );
  });
});

describe('shards of index and ledger', () => {
  const entry = fc.record(
    {
      item: fc.constantFrom('a', 'card:1', 'x~y'),
      at: fc.nat(2 ** 45),
      word: fc.oneof(fc.nat(2 ** 40).map(String), fc.constant('0')),
    },
    { noNullPrototype: true },
  );

  it('[KY16] entries come back as they were, appended one by one or written together', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), fc.nat(30), (entries, cut) => {
        const written = encodeShard({ e: 'e', since: 7 }, entries.slice(0, cut));
        const bytes = Buffer.concat([written, ...entries.slice(cut).map(encodeEntry)]);
        const shard = decodeShard(bytes);
        assert.deepEqual([shard.e, shard.since, shard.entries, shard.bytes], ['e', 7, entries, bytes.length]);
        assert.deepEqual(extendShard(decodeShard(written), bytes), shard);
      }),
    );
  });

  it('[KY16] a shard that is being made is trusted by nobody', () => {
    assert.equal(decodeShard(encodeShard({ e: 'e', since: null }, [])).since, Number.POSITIVE_INFINITY);
  });
});
