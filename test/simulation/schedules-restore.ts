import assert from 'node:assert/strict';
import type { Update, UpdateResult } from '../../src/protocol/post-update.ts';
import type { EngineWorld } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { begin, type MakeWorld, NO_SWEEP, readValue } from './schedules.ts';

type Restore = NonNullable<Update['restore']>;
type Lost = { readonly world: EngineWorld; readonly deltas: Restore['deltas'] };

const HEAD = /^i\//;
const FROM = 1;
/** The instance that is left. */
const on = 1;

/** A journal of "0" that is stored, and the operations of clients after it, which are lost with their server. */
async function lost(
  make: MakeWorld,
  sent: readonly { readonly clientId: string; readonly seq: number }[],
): Promise<Lost> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('j', { add: '0' }, { kind: 'journal', clientId: 'first', seq: 1 });
  const deltas: Restore['deltas'] = [];
  for (const { clientId, seq } of sent) {
    const op = { add: `${clientId}${seq}` };
    const { version } = await world.ok('j', op, { clientId, seq });
    deltas.push({ version, op, clientId, seq });
  }
  world.at(0).kill();
  await world.evict(HEAD);
  await readValue(world, 'j', on);
  return { world, deltas };
}

function restore({ world, deltas }: Lost, more: Partial<Restore> = {}): Promise<UpdateResult> {
  return world.post('j', undefined, { on, restore: { from: FROM, deltas, ...more } });
}

const A = [1, 2, 3].map((seq) => ({ clientId: 'a', seq }));

/** For `shorterChain`. */
export async function chainsOfAllLengths(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  for (const length of [2, 1, 3, 2]) await restore(all, { deltas: all.deltas.slice(0, length) });
  assert.deepEqual(await readValue(all.world, 'j', on), ['0', 'a1', 'a2', 'a3']);
}

/** For `aboveCeiling`. */
export async function forgedNumber(make: MakeWorld): Promise<void> {
  const all = await lost(make, A.slice(0, 1));
  const { ceil = 0 } = (await all.world.head('j'))?.back ?? {};
  await restore(all, { deltas: [...all.deltas, { version: ceil + 1, op: { add: 'forged' } }] });
  assert.deepEqual(await readValue(all.world, 'j', on), ['0']);
}

/** For `restoredUnknown`: the answer to a3 was lost, and it is sent again after others had restored it. */
export async function repeatAfterRestore(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  await restore(all);
  await all.world.ok('j', { add: 'a3' }, { on, clientId: 'a', seq: 3 });
  assert.deepEqual(await readValue(all.world, 'j', on), ['0', 'a1', 'a2', 'a3']);
}

/** For `sentAgainRestored`: the answer to a3 was lost, and it is sent again before others restore it; a has gone on. */
export async function restoreAfterRepeat(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  await all.world.ok('j', { add: 'a3' }, { on, clientId: 'a', seq: 3 });
  await all.world.ok('j', { add: 'a4' }, { on, clientId: 'a', seq: 4 });
  await restore(all);
  assert.deepEqual(await readValue(all.world, 'j', on), ['0', 'a3', 'a4', 'a1', 'a2']);
}

/** For `refusedRestored`: sent again after the rollback it was refused; restored, it would be there all the same. */
export async function restoreAfterRefusal(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  const refused = await all.world.post('j', { add: 'a3' }, { on, clientId: 'a', seq: 3, ifVersion: 3 });
  assert.equal(refused.result, 'conflict');
  await restore(all);
  assert.deepEqual(await readValue(all.world, 'j', on), ['0', 'a1', 'a2']);
}

/** For `memoryGoesBack`: a goes on after the rollback, others restore what it had sent before, and its last request comes twice. */
export async function repeatOfTheNewest(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  await all.world.ok('j', { add: 'a4' }, { on, clientId: 'a', seq: 4 });
  await restore(all);
  await all.world.ok('j', { add: 'a4' }, { on, clientId: 'a', seq: 4 });
  assert.deepEqual(await readValue(all.world, 'j', on), ['0', 'a4', 'a1', 'a2', 'a3']);
}

/** For `restoredOverDelete`. */
export async function restoreIntoNewLife(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  await all.world.ok('j', { delete: true }, { on });
  await all.world.ok('j', { add: 'new' }, { on, kind: 'journal' });
  const result = await restore(all);
  assert.equal(result.result, 'ok');
  assert.deepEqual(await readValue(all.world, 'j', on), ['new']);
}

/** For `restoredOverNewer`. */
export async function restoreOverNewer(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('a', { set: 'stored' });
  const { version } = await world.ok('a', { set: 'lost' });
  world.at(0).kill();
  await world.evict(HEAD);
  await world.ok('a', { set: 'newer' }, { on });
  await world.ok('a', undefined, { on, restore: { from: FROM, deltas: [{ version, op: { set: 'lost' } }] } });
  assert.equal(await readValue(world, 'a', on), 'newer');
}

/** For `markReplaced`: whoever restores first dies after its reservation; the item is rolled back once more, and the next one restores. */
export async function rolledBackAmidRestore(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  const { world, deltas } = all;
  world.start();
  const write = hold(world.at(on).cache, 'casThenGet', HEAD);
  const dying = begin(world, on, { item: 'j', restore: { from: FROM, deltas } });
  dying.catch(() => undefined);
  await reached(world, write);
  world.at(on).kill();
  await world.evict(HEAD);
  await world.ok('j', undefined, { on: 2, restore: { from: FROM, deltas } });
  assert.deepEqual(await readValue(world, 'j', 2), ['0', 'a1', 'a2', 'a3']);
  assert.equal((await world.row('j'))?.L, 2);
}

/** For `noExpiry`. */
export async function restoreTooLate(make: MakeWorld): Promise<void> {
  const all = await lost(make, A);
  await all.world.pass(10 * 60_000 + 1, 10_000);
  const late = await restore(all);
  assert.equal(late.result === 'invalid' && late.code, 'notRolledBack');
  assert.deepEqual(await readValue(all.world, 'j', on), ['0']);
}

/** For `markForever`. */
export async function writtenAfterExpiry(make: MakeWorld): Promise<void> {
  const { world } = await lost(make, A);
  await world.ok('j', { add: 'soon' }, { on });
  assert.ok((await world.head('j'))?.back);
  await world.pass(10 * 60_000 + 1, 10_000);
  await world.ok('j', { add: 'late' }, { on, release: true });
  assert.deepEqual([(await world.head('j'))?.back, (await world.row('j'))?.back], [undefined, undefined]);
}
