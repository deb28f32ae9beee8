import assert from 'node:assert/strict';
import { readRange } from '../../src/api/byte-range.ts';

describe('ranges of bytes', () => {
  it('[RC6] one range is understood in each of its forms, and clipped', () => {
    const cases: [string, number, ReturnType<typeof readRange>][] = [
      ['bytes=0-0', 10, { start: 0, end: 0 }],
      ['bytes=2-4', 10, { start: 2, end: 4 }],
      ['bytes=2-', 10, { start: 2, end: 9 }],
      ['bytes=2-400', 10, { start: 2, end: 9 }],
      ['bytes=-3', 10, { start: 7, end: 9 }],
      ['bytes=-30', 10, { start: 0, end: 9 }],
      ['bytes=10-', 10, 'outside'],
      ['bytes=10-12', 10, 'outside'],
      ['bytes=-0', 10, 'outside'],
    ];
    for (const [header, size, expected] of cases) assert.deepEqual(readRange(header, size), expected, header);
  });

  it('[RC6] what is no range, or more than one, is answered as a whole', () => {
    const whole = [
      undefined,
      '',
      'bytes=',
      'bytes=-',
      'bytes=4-2',
      'bytes=0-1,3-4',
      'items=0-1',
      'bytes=a-b',
      'bytes 0-1',
    ];
    for (const header of [...whole, `bytes=${'9'.repeat(16)}-`]) assert.equal(readRange(header, 10), undefined, header);
  });
});
