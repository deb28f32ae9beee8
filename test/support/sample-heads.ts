import { absentHead } from '../../src/core/load-item.ts';
import type { Head } from '../../src/model/head.ts';

/** A living, open register at version 5, first given numbers up to 100. */
export function sampleHead(over: Partial<Head> = {}): Head {
  const base: Head = {
    ...absentHead(0),
    v: 5,
    L: 0,
    open: true,
    ceil: 100,
    pv: 1,
    e: 'epoch',
    cu: 2_000,
    t: 1_000,
    dead: false,
    absent: false,
    born: 1,
    body: { x: 1 },
    tb: 5,
  };
  return { ...base, ...over };
}
