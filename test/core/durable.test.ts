import assert from 'node:assert/strict';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import type { Deps } from '../../src/core/context.ts';
import { markStored } from '../../src/core/durable.ts';
import { DEFAULT_ENGINE_CONFIG } from '../../src/core/engine-types.ts';
import { indexShards, shardKeyOf } from '../../src/core/shard-log.ts';
import { SpaceState } from '../../src/core/space-state.ts';
import { encodeFloor } from '../../src/model/floor-record.ts';
import { decodeHead, encodeHead, type Head } from '../../src/model/head.ts';
import { headKey } from '../../src/model/keys.ts';
import { decodeShard, encodeShard } from '../../src/model/shard-record.ts';
import { FakeClock } from '../support/clocks.ts';
import { sampleHead } from '../support/sample-heads.ts';

/** Marks version 5 of an item as stored, after the floor has passed its coverage. Returns the announcement and the head. */
async function marked(head: Head, announced: boolean) {
  const cache = createMemoryCache({ clock: new FakeClock() });
  const deps = { cache, config: { ...DEFAULT_ENGINE_CONFIG, secrets: [] } } as unknown as Deps;
  const space = new SpaceState('s');
  const shard = shardKeyOf(indexShards(deps), 's', 'a');
  await cache.add(space.floorKey, encodeFloor({ e: 'epoch', F: head.cu + 1, born: 0, rec: false }));
  await cache.add(shard, encodeShard({ e: 'epoch', since: 0 }, []));
  const token = await cache.add(headKey('s', 'a'), encodeHead(head));
  assert.ok(token);
  await markStored(deps, space, 'a', { head, token }, { v: head.v, L: head.L, announced });
  const [entry, record] = await cache.get([shard, headKey('s', 'a')]);
  assert.ok(entry && record);
  return { entries: decodeShard(entry.value).entries, head: decodeHead(record.value) as Head };
}

describe('marking a version as stored', () => {
  it('[CV8] names the newest version known to be announced as the one that readers have', async () => {
    const { entries, head } = await marked(sampleHead({ v: 5, pv: 1, av: 3 }), false);
    assert.deepEqual([entries.length, entries[0]?.word], [1, '3']);
    assert.deepEqual([head.pv, head.av], [5, 3]);
  });

  it('[CV8] names the stored version itself where that was announced', async () => {
    const { entries, head } = await marked(sampleHead({ v: 5, pv: 1, av: 3 }), true);
    assert.deepEqual([entries.length, entries[0]?.word], [1, '5']);
    assert.deepEqual([head.pv, head.av], [5, 5]);
  });
});
