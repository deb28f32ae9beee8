import { at, change, type Mutant, mutant } from './mutant.ts';

export const STORE_MUTANTS: readonly Mutant[] = [
  mutant(
    'noLeaseCheck',
    'An open row is rolled back only by the loader whose placeholder still stands after the row was read.',
    undefined,
    change(
      'load-item',
      'if (!present || !isPlaceholder(present) || present.loading !== lease.mine) return undefined;',
      '',
    ),
  ),
  mutant(
    'fillWithoutLease',
    'A loaded head replaces only the placeholder of its loader.',
    undefined,
    change(
      'load-item',
      'const outcome = await deps.cache.cas(key, encodeHead(head), token);',
      "await deps.cache.set(key, encodeHead(head)); const [filled] = await deps.cache.get([key]); const outcome = { status: 'stored' as const, token: filled?.token ?? token };",
    ),
  ),
  mutant(
    'loadForgetsCover',
    'A loaded head keeps the coverage of its row.',
    undefined,
    change(
      'load-item',
      'const base: Head = { ...kept, pv: row.v,',
      "const base: Head = { ...kept, e: '', cu: -1, pv: row.v,",
    ),
  ),
  mutant(
    'rollbackKeepsTail',
    'A rolled back item begins with an empty tail.',
    undefined,
    change(
      'load-item',
      'tb: row.v, segs: [], tail: [] };',
      'tb: ku === -1 ? (row.back?.from ?? row.v) : row.v, segs: [], tail: [] };',
    ),
  ),
  mutant(
    'recreateAtOne',
    'A new item begins above the numbers of every pruned tombstone.',
    at('all', 1),
    change('load-item', 'absentHead(decodeSpaceRow(spaceRecord).prunedV)', 'absentHead(0)'),
    change('rows', '!head.absent || pruned.prunedV !== head.v', '!head.absent'),
  ),
  mutant(
    'durableByVersion',
    'Stored means the same lineage and at least the version, not a larger number alone.',
    undefined,
    change(
      'rows',
      'if (row.L !== head.L) return { changes: [], result: { durable: false, wrote: false, over: true } };',
      'if (row.L !== head.L) return { changes: [], result: { durable: row.v >= head.v, wrote: false, over: row.v < head.v } };',
    ),
  ),
  mutant(
    'noAdopt',
    'A row that another writer of the same lineage has opened is taken as it is.',
    undefined,
    change('rows', 'row.open && row.ceil > head.ceil && row.ceil > head.v', 'false'),
  ),
  mutant(
    'noVersionReservation',
    'A rolled back item gets a number above every reserved one.',
    at('moves', 1),
    change('rows', 'const v = row.ceil + 1;', 'const v = row.v + 1;'),
  ),
  mutant(
    'rollbackNoCover',
    'A rolled back row carries the coverage of its announcement.',
    undefined,
    change('rows', 'L: row.L + 1, ...cover, back,', 'L: row.L + 1, back,'),
  ),
  mutant(
    'seqNotStored',
    'What is remembered of clients is stored with the row.',
    at('leases', 1),
    change('row-content', 'seqs: head.seqs,', 'seqs: {},'),
  ),
  mutant(
    'upsert',
    'A flush never inserts a row.',
    undefined,
    change(
      'rows',
      'if (!record) return { changes: [], result: { durable: false, wrote: false, over: true } };',
      'if (!record) return { changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, rowOf(head, snapshot.body(), now)) }], result: { durable: true, wrote: true, over: false } };',
    ),
  ),
  mutant(
    'flushNeedsHead',
    'Before a load, the newer copy of the process is stored.',
    undefined,
    change('dirtiness', 'if (!entry || entry.stored) return;', 'if (entry !== null) return;'),
  ),
  mutant(
    'clearNoTouch',
    'The ledger entries of an item go only after a cas of its head that makes pending writers fail, even where it changes nothing.',
    undefined,
    change(
      'close-item',
      'const outcome = await deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token);',
      "const outcome = held.head.open ? await deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token) : { status: 'stored' as const, token: held.token };",
    ),
  ),
  mutant(
    'clearById',
    'Exactly the ledger entries that were read before the cas are removed.',
    undefined,
    change('close-item', '!words.has(line.word)', 'false'),
  ),
  mutant(
    'closeRowOnly',
    'The head is closed before its row.',
    undefined,
    change('close-item', 'const head = { ...held.head, open: false,', 'const head = { ...held.head,'),
  ),
  mutant(
    'keepZombie',
    'A head whose lineage the store has given up is removed.',
    undefined,
    change(
      'close-item',
      '  await deps.cache.delete(headKey(space.id, item), held.token);\n  space.held.delete(item);\n}',
      '}',
    ),
  ),
  mutant(
    'noFlushRetry',
    'A flush that the store refused is tried again.',
    undefined,
    change('flush-policy', 'if (until > now) return', 'if (until > 0) return'),
  ),
  mutant(
    'ledgerOnly',
    "What dead instances left is found by the store's index where the ledger was lost.",
    undefined,
    change(
      'sweeper',
      'for (const { space, id } of await overdue(parts)) {',
      'for (const { space, id } of (await overdue(parts)).slice(0, 0)) {',
    ),
  ),
  mutant('rowsShared', 'The rows of one space are not those of another.', at('nodes', 1), {
    file: 'src/model/keys.ts',
    find: "return { space, kind: 'item', id: item };",
    replace: "return { space: space.slice(0, 0), kind: 'item', id: item };",
  }),
];
