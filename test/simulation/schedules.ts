import { DEFAULT_ENGINE_CONFIG, type EngineConfig } from '../../src/core/engine-types.ts';
import { ledgerKey } from '../../src/model/keys.ts';
import { decodeShard } from '../../src/model/shard-record.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import type { PostUpdateResponse, Update } from '../../src/protocol/post-update.ts';
import { type EngineWorld, SPACE } from '../support/engine-fixture.ts';

/** Instances of the engine as it is, or of one with a rule broken. */
export type MakeWorld = (config?: Partial<EngineConfig>, instances?: number) => EngineWorld;

/** The interleaving that one rule is for. Throws an assertion error where the rule is broken. */
export type Schedule = (make: MakeWorld) => Promise<void>;

/** No sweep unless the schedule asks for one. */
export const NO_SWEEP = { sweepMs: 1_000_000_000 } as const;

/** Begins a request; it goes on when the world runs. */
export function begin(world: EngineWorld, on: number, update: Update): Promise<PostUpdateResponse> {
  const response = world.at(on).engine.postUpdate(SPACE, { updates: [update] }, { subject: 'anonymous' });
  response.catch(() => undefined);
  return response;
}

export async function readValue(world: EngineWorld, item: string, on: number): Promise<unknown> {
  const state = await world.run(world.at(on).engine.readItem(SPACE, item as ItemId));
  return state?.value;
}

/** Items that the ledger says are open. */
export async function ledger(world: EngineWorld): Promise<Set<string>> {
  const found = new Set<string>();
  for (let shard = 0; shard < DEFAULT_ENGINE_CONFIG.ledgerShards; shard++) {
    const bytes = await world.record(ledgerKey(SPACE, shard));
    for (const line of bytes ? decodeShard(bytes).entries : []) found.add(line.item);
  }
  return found;
}

/** The cache forgets the item, and an instance that knows nothing of it loads it. */
export async function rollBackBy(world: EngineWorld, item: string, on: number): Promise<void> {
  await world.evict(new RegExp(`^i/${SPACE}/${item}$`));
  await readValue(world, item, on);
}
