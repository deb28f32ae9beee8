import { type ClientRow, decodeClientRow, encodeClientRow } from '../../model/client-row.ts';
import { clientRowKey } from '../../model/keys.ts';
import type { Change, Store, StoreRecord } from '../../ports/store.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { LEASE_GRACE_MS } from '../../protocol/limits.ts';

/** A present client's row is written at least this often, ms. */
export const ROW_EVERY_MS = 60_000;
/** Rows in one transaction. */
const ROWS_AT_ONCE = 25;
const PAGE = 500;
/** A new generation's numbers begin this far above the last one's, should time have stood still. */
const SEQ_GAP = 1_000_000;

/** When somebody must look at a client that was seen at `now`, wall clock, ms. */
export function nextLook(now: number, leaseMs: number): number {
  return now + ROW_EVERY_MS + 2 * (leaseMs + LEASE_GRACE_MS);
}

export type Joiner = { readonly subject: string; readonly name?: string };
/** Wall clock and floor time, ms. */
export type RowTimes = { readonly now: number; readonly F: number; readonly leaseMs: number };

/** The row of a client that joins; its id is taken where it is another subject's. */
function rowAtJoin(before: ClientRow | undefined, who: Joiner, at: RowTimes): ClientRow | 'taken' {
  if (before && before.subject !== who.subject) return 'taken';
  return {
    subject: who.subject,
    ...(who.name === undefined ? {} : { name: who.name }),
    generation: (before?.generation ?? 0) + 1,
    seq: Math.max(at.F * 1000, (before?.seq ?? 0) + SEQ_GAP),
    joinedAt: at.now,
    lastSeen: at.now,
    // Where a leave was cut off, there is something left in it: the next life inherits that, and lets go of it when it ends.
    held: before?.held ?? {},
    lookAt: nextLook(at.now, at.leaseMs),
  };
}

/** The rows of clients in the store. Every change is a decision on the row as it is there. */
export class ClientRows {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(space: string, ids: readonly string[]): Promise<(ClientRow | undefined)[]> {
    const records = await this.#store.read(ids.map((id) => clientRowKey(space, id)));
    return records.map((record) => record && decodeClientRow(record));
  }

  join(space: string, id: string, who: Joiner, at: RowTimes): Promise<ClientRow> {
    return this.#store.transact([clientRowKey(space, id)], ([record]) => {
      const row = rowAtJoin(record && decodeClientRow(record), who, at);
      if (row === 'taken') throw new ProblemError('clientIdTaken', `the client id ${id} belongs to somebody else`);
      return { changes: [changeOf(space, id, row)], result: row };
    });
  }

  /** Changes rows that are there; `undefined` leaves one as it is, `delete` forgets it. */
  async change(
    space: string,
    ids: readonly string[],
    decide: (row: ClientRow, id: string) => ClientRow | 'delete' | undefined,
  ): Promise<void> {
    for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
      const part = ids.slice(at, at + ROWS_AT_ONCE);
      const keys = part.map((id) => clientRowKey(space, id));
      await this.#store.transact(keys, (records) => ({ changes: changesOf(space, part, records, decide), result: 0 }));
    }
  }

  /** All of a space, a page at a time. */
  async *all(space: string): AsyncGenerator<readonly (readonly [id: string, row: ClientRow])[]> {
    for (let after = ''; ; ) {
      const ids = await this.#store.list(space, 'client', after, PAGE);
      const rows = await this.read(space, ids);
      yield ids.flatMap((id, i) => {
        const row = rows[i];
        return row ? [[id, row] as const] : [];
      });
      if (ids.length < PAGE) return;
      after = ids.at(-1) ?? after;
    }
  }
}

function changesOf(
  space: string,
  ids: readonly string[],
  records: readonly (StoreRecord | undefined)[],
  decide: (row: ClientRow, id: string) => ClientRow | 'delete' | undefined,
): Change[] {
  return ids.flatMap((id, i) => {
    const record = records[i];
    const after = record && decide(decodeClientRow(record), id);
    if (after === undefined) return [];
    return [after === 'delete' ? { key: clientRowKey(space, id), record: 'delete' } : changeOf(space, id, after)];
  });
}

function changeOf(space: string, id: string, row: ClientRow): Change {
  return { key: clientRowKey(space, id), record: encodeClientRow(space, id, row) };
}
