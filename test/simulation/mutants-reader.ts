import { at, change, type Mutant, mutant } from './mutant.ts';

export const READER_MUTANTS: readonly Mutant[] = [
  mutant(
    'floorAfterReads',
    'A reader publishes its time before it reads the index.',
    undefined,
    change(
      'observe',
      'const { cas, read } = await cache.casThenGet(space.floorKey, encodeFloor(raised), floor.token, keys);',
      'const read = await cache.get(keys); const { cas } = await cache.casThenGet(space.floorKey, encodeFloor(raised), floor.token, []);',
    ),
  ),
  mutant(
    'answersUnchecked',
    'An answer is given again only where a newer look finds the very same to say.',
    at('calm', 3),
    change('answers', ' && kept.frame === text && isSame(kept.items, items)', ''),
  ),
  mutant(
    'sinceTrusted',
    'A shard made anew is not trusted for markers older than the end of every coverage it may have lost.',
    at('shards', 20),
    change('coverage', 'return floor.F + coverMs + 1;', 'return floor.F - coverMs;'),
  ),
  mutant(
    'sinceUnchecked',
    'A marker older than a shard reaches back is not answered from it.',
    at('shards', 1),
    change('read-updates', 'marker.T < seen.since ? await', 'false ? await'),
  ),
  mutant(
    'epochUnchecked',
    'A marker of another epoch is answered with a reset.',
    undefined,
    change('read-updates', 'marker.e !== seen.epoch || ', ''),
  ),
  mutant(
    'pruneFree',
    'A store scan is refused for markers older than the coverage of a pruned tombstone.',
    undefined,
    change('store-scan', 'if (pruned.prunedE === marker.e && marker.T <= pruned.prunedCu) return undefined;', ''),
  ),
  mutant(
    'ledgerTrustMissing',
    'A ledger shard that is missing or younger than the marker allows no store scan.',
    undefined,
    change('store-scan', 'if (!shard || marker.T < shard.since) reaches = false;', ''),
  ),
  mutant(
    'scanNoLedger',
    'A store scan names the open items as well as the stored ones.',
    undefined,
    change('store-scan', 'for (const line of shard?.entries ?? []) found.add(line.item);', ''),
  ),
  mutant(
    'queryFirst',
    'A store scan reads the ledger before it asks the store.',
    undefined,
    change(
      'store-scan',
      'const entries = await cache.get(keys);',
      "for (let early = 0; early < STORE_SHARDS; early++) for (const row of await store.query('cover', coverPrefix(marker.e, early) + coarse(marker.T), coverPrefix(marker.e, early) + '~', MAX_SCANNED)) found.add(row.id); const entries = await cache.get(keys);",
    ),
    change('store-scan', 'for (const row of rows) found.add(row.id);', 'void rows;'),
  ),
  mutant(
    'joinRunning',
    'A poll never joins a look that began before it came.',
    at('pauses', 1),
    change('waiters', 'for (const group of due) this.#groups.delete(group.key);', ''),
  ),
  mutant(
    'filterFree',
    'A marker goes on only with the filter it was made with.',
    at('shards', 1),
    change(
      'open-marker',
      'if (marker.filter === filter) return marker;',
      'if (marker.filter !== undefined) return { ...marker, filter };',
    ),
  ),
  mutant(
    'pageMovesT',
    'The marker of a page keeps the time of the marker it answers.',
    at('pauses', 1),
    change('select-items', 'const T = marker ? marker.T : input.T;', 'const T = input.T;'),
  ),
  mutant(
    'pageNoCursor',
    'A page goes on after the item where the last one stopped.',
    at('pauses', 1),
    change('reading', "const after = marker.cycle?.after ?? '';", "const after = '';"),
  ),
  mutant(
    'blindFrom',
    'A delta tells which version it begins at.',
    at('late', 1),
    change(
      'render',
      'return { ...base(id, head), from, deltas: deltas.map(deltaAnswer) };',
      'return { ...base(id, head), from: 0, deltas: deltas.map(deltaAnswer) };',
    ),
  ),
];
