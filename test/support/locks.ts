import assert from 'node:assert/strict';
import type { LockAnswer } from '../../src/core/engine-types.ts';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import type { UpdateResult } from '../../src/protocol/post-update.ts';
import { EngineWorld, SPACE } from './engine-fixture.ts';

export const TTL = DEFAULT_SETTINGS.lockTtlMs;

export type AskOptions = {
  readonly on?: number;
  readonly ttlMs?: number;
  readonly steal?: boolean;
  readonly admin?: boolean;
  readonly subject?: string;
};

/** `ann` and `bob` have joined. */
export function makeWorld(instances = 1): EngineWorld {
  const world = new EngineWorld({}, instances);
  for (const client of ['ann', 'bob']) world.clients.join(client);
  return world;
}

export function lock(
  world: EngineWorld,
  item: string,
  clientId: string,
  options: AskOptions = {},
): Promise<LockAnswer> {
  const { on = 0, admin = false, subject = 'anonymous', ...rest } = options;
  return world.run(world.at(on).engine.lock(SPACE, item as ItemId, { clientId, ...rest }, { subject }, admin));
}

export function unlock(world: EngineWorld, item: string, client: string, options: AskOptions = {}): Promise<void> {
  const { on = 0, admin = false, subject = 'anonymous' } = options;
  return world.run(world.at(on).engine.unlock(SPACE, item as ItemId, client, { subject }, admin));
}

/** The fence of a lock that must be granted. */
export async function fenceOf(answer: Promise<LockAnswer>): Promise<number> {
  const granted = await answer;
  assert.ok(granted.result === 'granted', JSON.stringify(granted));
  return granted.fence;
}

export function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProblemError && error.problem.code === code;
}

export function codeOf(result: UpdateResult): string {
  return result.result === 'invalid' ? result.code : result.result;
}
