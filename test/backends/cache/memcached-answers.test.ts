import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AnswerReader } from '../../../src/backends/cache/memcached-answers.ts';

function answer(opaque: number, key: string, value: Buffer): Buffer {
  const bytes = Buffer.alloc(24 + key.length + value.length);
  bytes[0] = 0x81;
  bytes.writeUInt16BE(key.length, 2);
  bytes.writeUInt32BE(key.length + value.length, 8);
  bytes.writeUInt32BE(opaque, 12);
  bytes.write(key, 24, 'latin1');
  value.copy(bytes, 24 + key.length);
  return bytes;
}

describe('memcached answers', () => {
  it('[CA51] come out whole and in order, however they are cut into chunks', () => {
    const one = fc.record(
      {
        opaque: fc.nat(),
        key: fc.string({ maxLength: 20, unit: 'binary-ascii' }),
        value: fc.uint8Array({ maxLength: 300 }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(one), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (all, sizes) => {
        const bytes = Buffer.concat(all.map(({ opaque, key, value }) => answer(opaque, key, Buffer.from(value))));
        const reader = new AnswerReader();
        const got: unknown[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          reader.push(bytes.subarray(at, at + size), ({ opaque, key, value }) => {
            got.push({ opaque, key, value: new Uint8Array(value) });
            return true;
          });
          at += size;
        }
        assert.deepEqual(got, all);
      }),
    );
  });

  it('[CA67] bytes that are no answer throw at once, not when enough of them have come', () => {
    const never = (): boolean => assert.fail();
    assert.throws(() => new AnswerReader().push(Buffer.alloc(24, 'x'), never), /protocol/);
    const contradiction = answer(1, 'key', Buffer.alloc(0));
    contradiction.writeUInt16BE(2000, 2);
    assert.throws(() => new AnswerReader().push(contradiction, never), /contradict/);
    const endless = answer(1, '', Buffer.alloc(0));
    endless.writeUInt32BE(0x7fffffff, 8);
    assert.throws(() => new AnswerReader().push(endless, never), /protocol/);
  });

  it('[CA51] stops where it is told to', () => {
    const reader = new AnswerReader();
    let taken = 0;
    const two = Buffer.concat([answer(1, '', Buffer.alloc(1)), answer(2, '', Buffer.alloc(1))]);
    reader.push(two, () => {
      taken += 1;
      return false;
    });
    assert.equal(taken, 1);
  });
});
