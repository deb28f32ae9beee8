import type { PollOutcome } from '../../src/core/engine-types.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { type OpsQuery, type OpsResponse, opsResponseSchema } from '../../src/protocol/ops.ts';
import { type EngineWorld, ParkedPoll, SPACE } from './engine-fixture.ts';

export const KIND = { kind: 'chronicle' };

/** Adds the texts `from` to `to`, one update each. */
export async function write(world: EngineWorld, from: number, to: number, bytes = 0, on = 0): Promise<void> {
  for (let n = from; n <= to; n++) await world.ok('c', { add: text(n, bytes) }, { ...KIND, on });
}

export function text(n: number, bytes = 0): string {
  return `${n}`.padEnd(bytes, '.');
}

export function texts(from: number, to: number, bytes = 0): string[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => text(from + i, bytes));
}

/** Ids of the archive records of a space. */
export async function archived(world: EngineWorld): Promise<string[]> {
  return world.at(0).store.list(SPACE, 'ops', '', 1_000);
}

export type AskOps = Partial<OpsQuery>;

export function opsIn(outcome: PollOutcome | undefined): OpsResponse {
  if (!outcome || 'problem' in outcome) throw new Error(`no operations: ${JSON.stringify(outcome)}`);
  return opsResponseSchema.parse(JSON.parse(outcome.answer.body.toString()));
}

export function parkOps(world: EngineWorld, item: string, ask: AskOps = {}, on = 0): ParkedPoll {
  const parked = new ParkedPoll();
  const query = { index: 1, limit: 500, wait: 25, ...ask };
  parked.cancel = world.at(on).engine.ops(SPACE, item as ItemId, query, (outcome) => parked.take(outcome));
  return parked;
}

/** One answer, without waiting for operations to come. */
export async function readOps(world: EngineWorld, item: string, ask: AskOps = {}, on = 0): Promise<OpsResponse> {
  const parked = parkOps(world, item, { wait: 0, ...ask }, on);
  await world.delivered(parked);
  return opsIn(parked.outcome);
}

/** All of them from an index on, in pages. */
export async function allOps(world: EngineWorld, item: string, ask: AskOps = {}, on = 0): Promise<unknown[]> {
  const found: unknown[] = [];
  let index = ask.index ?? 1;
  for (;;) {
    const answer = await readOps(world, item, { ...ask, index }, on);
    for (const each of answer.ops) {
      if (each.index !== index++) throw new Error(`index ${each.index}, expected ${index - 1}`);
      found.push(each.op);
    }
    if (answer.upToDate) return found;
  }
}
