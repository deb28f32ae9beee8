import assert from 'node:assert/strict';
import type { EngineWorld } from '../support/engine-fixture.ts';
import { type MakeWorld, NO_SWEEP, readValue } from './schedules.ts';

const TEXT = 'one two';
const KEYS = ['a', 'b', 'c'];

type Kept = { readonly version: number; readonly op: unknown; readonly clientId: string; readonly seq: number };

/** A text in which somebody has typed at the end; all of that but the first key is not stored. */
async function typedIn(make: MakeWorld): Promise<{ readonly world: EngineWorld; readonly chain: readonly Kept[] }> {
  const world = make({ ...NO_SWEEP }, 1);
  let { version } = await world.ok('t', { create: { text: TEXT } }, { kind: 'text' });
  const chain: Kept[] = [];
  for (const [i, key] of KEYS.entries()) {
    const edits = [[TEXT.length + i, 0, key]];
    const sender = { clientId: 'typist', seq: i + 1 };
    ({ version } = await world.ok('t', { base: version, edits }, sender));
    chain.push({ version, op: { edits }, ...sender });
  }
  return { world, chain };
}

async function loseAll(world: EngineWorld): Promise<number> {
  for (const instance of world.instances) instance.kill();
  world.restartCache();
  const on = world.instances.indexOf(world.start({ ...NO_SWEEP }));
  await world.pollProblem({}, on);
  await world.pass(3_000, 250);
  await readValue(world, 't', on); // loads it
  return on;
}

async function restore(world: EngineWorld, on: number, deltas: readonly Kept[]): Promise<void> {
  const result = await world.post('t', undefined, { restore: { from: 1, deltas: [...deltas] }, on });
  assert.equal(result.result, 'ok', JSON.stringify(result));
}

/** For `nothingBetween`. */
export async function storedBetweenLosses(make: MakeWorld): Promise<void> {
  const { world, chain } = await typedIn(make);
  const second = await loseAll(world);
  const base = (await world.head('t'))?.v;
  await world.ok('t', { base, edits: [[0, 0, '!']] }, { on: second, durable: true });
  const third = await loseAll(world);
  await restore(world, third, chain);
  assert.equal(await readValue(world, 't', third), `!${TEXT}${KEYS.join('')}`);
}

/** For `otherNumbers`: a part of the first loss went back, that was lost as well, and somebody tells it under its second numbers first. */
export async function restoredAndLostAgain(make: MakeWorld): Promise<void> {
  const { world, chain } = await typedIn(make);
  const second = await loseAll(world);
  const base = (await world.head('t'))?.v;
  await world.ok('t', { base, edits: [[0, 0, '!']] }, { on: second, durable: true });
  await restore(world, second, chain.slice(0, 2));
  const tail = (await world.head('t'))?.tail ?? [];
  const again = tail.flatMap(({ v, op, c, s }): Kept[] =>
    c === undefined || s === undefined ? [] : [{ version: v, op, clientId: c, seq: s }],
  );
  assert.equal(again.length, 2);
  const third = await loseAll(world);
  await restore(world, third, again);
  await restore(world, third, chain);
  assert.equal(await readValue(world, 't', third), `!${TEXT}${KEYS.join('')}`);
}
