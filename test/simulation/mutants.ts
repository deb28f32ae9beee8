/** One rule of the engine broken by a change of its source: shows that the simulator would notice. */
export type Mutant = {
  readonly name: string;
  /** The rule that it breaks. */
  readonly rule: string;
  /** Files are told from the root of the project. */
  readonly changes: readonly Change[];
  /** Configuration in which it is found, and a seed that finds it. */
  readonly config: string;
  readonly seed: number;
};

/** `find` occurs exactly once in the file. */
type Change = { readonly file: string; readonly find: string; readonly replace: string };

function mutant(
  name: string,
  rule: string,
  where: readonly [config: string, seed: number],
  ...changes: Change[]
): Mutant {
  const [config, seed] = where;
  return { name, rule, changes, config, seed };
}

function change(file: string, find: string, replace: string): Change {
  return { file: `src/core/${file}.ts`, find, replace };
}

export const MUTANTS: readonly Mutant[] = [
  mutant(
    'noPostCheck',
    'An update is acknowledged only when the floor read after its cas is within its coverage.',
    ['pauses', 1],
    change('write-update', 'if (!after || !isCovered(head, after.floor)) {', 'if (!after) {'),
  ),
  mutant(
    'blindRecommit',
    'The same content is committed again only within its lineage; else the operation is applied again.',
    ['all', 1],
    change(
      'write-update',
      'if (attempt.mine && !(head.L === attempt.mine.L && head.v >= attempt.mine.v))',
      'if (false)',
    ),
  ),
  mutant(
    'noLeaseCheck',
    'An open row is rolled back only by the loader whose placeholder still stands after the row was read.',
    ['epoch', 1],
    change(
      'load-item',
      'if (!present || !isPlaceholder(present) || present.loading !== lease.mine) return undefined;',
      '',
    ),
  ),
  mutant(
    'durableByVersion',
    'Stored means the same lineage and at least the version, not a larger number alone.',
    ['epoch', 1],
    change(
      'rows',
      'if (row.L !== head.L) return { changes: [], result: { durable: false, wrote: false, over: true } };',
      'if (row.L !== head.L) return { changes: [], result: { durable: row.v >= head.v, wrote: false, over: row.v < head.v } };',
    ),
  ),
  mutant(
    'noAdopt',
    'A row that another writer of the same lineage has opened is taken as it is.',
    ['calm', 1],
    change('rows', 'if (row.open && row.ceil > head.ceil && row.ceil > head.v)', 'if (false)'),
  ),
  mutant(
    'clearNoTouch',
    'The ledger entries of an item go only after a cas of its head that makes pending writers fail, even where it changes nothing.',
    ['epoch', 1],
    change(
      'close-item',
      'const outcome = await deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token);',
      "const outcome = held.head.open ? await deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token) : { status: 'stored' as const, token: held.token };",
    ),
  ),
  mutant(
    'clearById',
    'Exactly the ledger entries that were read before the cas are removed.',
    ['epoch', 1],
    change('close-item', '!words.has(line.word)', 'false'),
  ),
  mutant(
    'bodyByVersion',
    'Bodies and segments have a random part in their key.',
    ['epoch', 1],
    change(
      'write-update',
      'const plan = this.#layout(before, v, next);',
      'const plan = this.#layout(before, v, { ...next, name: request.item } as Next);',
    ),
    change(
      'write-update',
      'newKey: () => this.#deps.random.id(),',
      'newKey: () => (next as unknown as { name: string }).name + v,',
    ),
  ),
  mutant(
    'rollbackKeepsTail',
    'A rolled back item begins with an empty tail.',
    ['epoch', 1],
    change(
      'load-item',
      'tb: row.v, segs: [], tail: [], ws: [] };',
      'tb: ku === -1 ? (row.back?.from ?? row.v) : row.v, segs: [], tail: [], ws: [] };',
    ),
  ),
  mutant(
    'recreateAtOne',
    'A new item begins above the numbers of every pruned tombstone.',
    ['epoch', 1],
    change('load-item', 'absentHead(decodeSpaceRow(spaceRecord).prunedV)', 'absentHead(0)'),
    change('rows', '!head.absent || pruned.prunedV !== head.v', '!head.absent'),
  ),
  mutant(
    'pruneFree',
    'A store scan is refused for markers older than the coverage of a pruned tombstone.',
    ['shards', 1],
    change('read-updates', 'if (pruned.prunedE === marker.e && marker.T <= pruned.prunedCu) return undefined;', ''),
  ),
  mutant(
    'rollbackNoCover',
    'A rolled back row carries the coverage of its announcement.',
    ['epoch', 1],
    change(
      'rows',
      'return { changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, next) }], result: next };',
      'return { changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, { ...next, e: row.e, cu: row.cu }) }], result: next };',
    ),
  ),
  mutant(
    'seqNotStored',
    'What is remembered of clients is stored with the row.',
    ['epoch', 1],
    change('rows', 'seqs: head.seqs,', 'seqs: {},'),
  ),
  mutant(
    'last3',
    'The last request is remembered for each client, not the last requests of all.',
    ['all', 1],
    change(
      'decide-update',
      'while (kept.length >= MAX_REMEMBERED_CLIENTS) seqFloor = Math.max(seqFloor, kept.shift()?.[1][0] ?? 0);',
      'while (kept.length >= 1) kept.shift();',
    ),
  ),
  mutant(
    'upsert',
    'A flush never inserts a row.',
    ['epoch', 1],
    change(
      'rows',
      'if (!record) return { changes: [], result: { durable: false, wrote: false, over: true } };',
      'if (!record) return { changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, rowOf(head, snapshot.body(), now)) }], result: { durable: true, wrote: true, over: false } };',
    ),
  ),
  mutant(
    'noVersionReservation',
    'A rolled back item gets a number above every reserved one.',
    ['epoch', 1],
    change('rows', 'const v = row.ceil + 1;', 'const v = row.v + 1;'),
  ),
  mutant(
    'fillWithoutLease',
    'A loaded head replaces only the placeholder of its loader.',
    ['epoch', 1],
    change(
      'load-item',
      'const outcome = await deps.cache.cas(key, encodeHead(head), token);',
      "await deps.cache.set(key, encodeHead(head)); const [filled] = await deps.cache.get([key]); const outcome = { status: 'stored' as const, token: filled?.token ?? token };",
    ),
  ),
  mutant(
    'loadForgetsCover',
    'A loaded head keeps the coverage of its row.',
    ['epoch', 1],
    change(
      'load-item',
      'const base: Head = { ...kept, pv: row.v,',
      "const base: Head = { ...kept, e: '', cu: -1, pv: row.v,",
    ),
  ),
  mutant(
    'noFence',
    'After an unanswered cas the head is written once more before the update is called not applied.',
    ['restarts', 1],
    change(
      'heads',
      'const fenced = await this.#deps.cache.cas(headKey(space.id, item), encodeHead(held.head), held.token);',
      "const fenced = { status: 'stored' as const, token: held.token };",
    ),
  ),
  mutant(
    'keepZombie',
    'A head whose lineage the store has given up is removed.',
    ['epoch', 1],
    change(
      'close-item',
      '  await deps.cache.delete(headKey(space.id, item), held.token);\n  space.held.delete(item);\n}',
      '}',
    ),
  ),
  mutant(
    'ledgerOnce',
    'An open item is entered in the ledger again with each renewal of its coverage.',
    ['epoch', 1],
    change('write-update', 'if (cover.renew || opening) {', 'if (opening) {'),
  ),
  mutant(
    'ledgerTrustMissing',
    'A ledger shard that is missing or younger than the marker allows no store scan.',
    ['shards', 1],
    change('read-updates', 'if (!shard || marker.T < shard.since) reaches = false;', ''),
  ),
  mutant(
    'sinceTrusted',
    'A shard made anew is not trusted for markers older than the end of every coverage it may have lost.',
    ['shards', 1],
    change('coverage', 'return floor.F + coverMs + 1;', 'return floor.F - coverMs;'),
  ),
  mutant(
    'epochUnchecked',
    'A marker of another epoch is answered with a reset.',
    ['restarts', 1],
    change('read-updates', 'marker.e !== seen.epoch || ', ''),
  ),
];

export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no mutant ${name}; there are ${MUTANTS.map((candidate) => candidate.name).join(', ')}`);
  return found;
}
