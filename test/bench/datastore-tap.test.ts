import assert from 'node:assert/strict';
import { countCall } from '../../bench/host/datastore-tap.ts';

/** A field with a length, as protobuf writes it. */
function field(number: number, content: Buffer): Buffer {
  assert.ok(content.length < 128 && number < 16);
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
}

function framed(...parts: Buffer[]): Buffer {
  const message = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const NONE = Buffer.alloc(0);
const KEY = Buffer.from('a key');
const PROJECT = field(8, Buffer.from('project'));
/** A number, which has no length: mode 2 of a commit. */
const MODE = Buffer.from([(5 << 3) | 0, 2]);

describe('what Datastore is asked', () => {
  it('[CP5] a look-up counts its keys, found or not', () => {
    const asked = framed(PROJECT, field(3, KEY), field(3, KEY), field(3, KEY));
    assert.deepEqual(countCall('Lookup', asked, NONE), { reads: 3, writes: 0 });
  });

  it('[CP5] a commit counts its mutations, one that only ends a transaction none', () => {
    assert.deepEqual(countCall('Commit', framed(MODE, field(6, KEY), PROJECT, field(6, KEY)), NONE), {
      reads: 0,
      writes: 2,
    });
    assert.deepEqual(countCall('Commit', framed(MODE, PROJECT), NONE), { reads: 0, writes: 0 });
  });

  it('[CP5] a query counts what it found, and one that found nothing as one', () => {
    const batch = field(1, Buffer.concat([MODE, field(2, KEY), field(2, KEY)]));
    assert.deepEqual(countCall('RunQuery', framed(PROJECT), framed(batch)), { reads: 2, writes: 0 });
    assert.deepEqual(countCall('RunQuery', framed(PROJECT), framed(field(1, MODE))), { reads: 1, writes: 0 });
    assert.deepEqual(countCall('RunQuery', framed(PROJECT), Buffer.concat([framed(batch), framed(batch)])), {
      reads: 4,
      writes: 0,
    });
  });

  it('[CP5] a rollback counts nothing', () => {
    assert.deepEqual(countCall('Rollback', framed(field(1, KEY)), NONE), { reads: 0, writes: 0 });
  });
});
