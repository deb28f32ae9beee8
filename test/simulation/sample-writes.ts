import type { Write } from './history.ts';

type Said = Pick<Write, 'op' | 'item' | 'client' | 'seq'> & { readonly version: number };

/** A write that was acknowledged at the time that is its version; what else is to be true of it in `said`. */
export function writeOf(said: Said & Partial<Write>): Write {
  return {
    deletes: false,
    durable: false,
    invokedAt: said.version,
    endedAt: said.version,
    outcome: 'ok',
    stored: false,
    sent: 1,
    ...said,
  };
}
