import assert from 'node:assert/strict';
import { Contention, type Posted, RESERVED_MS } from '../support/contention.ts';
import { type MakeWorld, NO_SWEEP } from './schedules.ts';

const TEXT = 'one two three four five six';
const PLACE = 8;

async function contentionOf(make: MakeWorld, instances = 2): Promise<Contention> {
  return new Contention(make({ ...NO_SWEEP }, instances)).create(TEXT);
}

function assertReserved(posted: Posted, holder: string): void {
  assert.equal(posted.result, 'conflict');
  assert.equal(posted.reserved?.holder, holder);
}

/** For `nothingInTheWay`. */
export async function reservedAtOnce(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  assertReserved(await there.refuse('slow', PLACE, 3), 'slow');
  assertReserved(await there.write('quick', [PLACE, 0, 'q'], { on: 1 }), 'slow');
  assert.equal((await there.write('slow', [PLACE, 0, 's'])).result, 'ok');
}

/** For `placeStands`. */
export async function movedReservation(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 3);
  assert.equal((await there.write('quick', [0, 0, 'before '], { on: 1 })).result, 'ok');
  assertReserved(await there.write('third', [PLACE + 'before '.length, 0, 'q']), 'slow');
  assert.equal((await there.write('third', [PLACE, 0, 'q'])).result, 'ok');
}

/** For `leaseUnasked`. */
export async function reservationEnds(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 3);
  await there.world.pass(RESERVED_MS + 500, 250);
  assert.equal((await there.write('quick', [PLACE, 0, 'q'], { on: 1 })).result, 'ok');
}

/** For `anyLeaseOfTheWriter`. */
export async function olderReservation(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 3);
  const [key = ''] = await there.world.keysLike(/^k\//);
  const lease = await there.world.record(key);
  await there.world.pass(RESERVED_MS + 500, 250);
  const other = new Contention(there.world);
  // The same client, in another text: its lease is of that one.
  await there.world.ok('u', { create: { text: TEXT } }, { kind: 'text' });
  for (let seq = 10; seq < 13; seq++) {
    const base = 1 + seq - 10;
    await there.world.ok('u', { base, edits: [[0, 0, 'q']] }, { clientId: 'quick', seq });
    await there.world.post('u', { base, edits: [[0, 0, 's']] }, { clientId: 'slow', seq });
  }
  assert.notDeepEqual(await there.world.record(key), lease);
  other.version = there.version;
  assert.equal((await other.write('third', [PLACE, 0, 'q'])).result, 'ok');
}

/** For `holderKeepsOn`. */
export async function usedUp(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 3);
  assert.equal((await there.write('slow', [PLACE, 0, 's'])).result, 'ok');
  assert.equal((await there.write('quick', [PLACE, 0, 'q'], { on: 1 })).result, 'ok');
}

/** For `refusedAnywhere`. */
export async function refusedElsewhere(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 2);
  assert.equal((await there.refuse('slow', 0)).reserved, undefined);
  assert.equal((await there.refuse('slow', PLACE + 1)).reserved, undefined);
}

/** For `rowStands`: what is accepted in between moves the places of refusals as well. */
export async function refusedAtAMovedPlace(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 2);
  assert.equal((await there.write('third', [0, 0, 'before '], { on: 1 })).result, 'ok');
  assertReserved(await there.refuse('slow', PLACE + 'before '.length), 'slow');
}

/** For `rowGoesOn`. */
export async function acceptedBetween(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 2);
  assert.equal((await there.write('slow', [PLACE, 0, 's'])).result, 'ok');
  assert.equal((await there.refuse('slow', PLACE)).reserved, undefined);
}

/** For `twoAtOnce`. */
export async function oneAtATime(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 3);
  const other = await there.refuse('late', 0, 3, 1);
  assert.equal(other.reserved, undefined);
  assertReserved(await there.write('third', [PLACE + 3, 0, 'q']), 'slow');
}

/** For `countedTwice`. */
export async function repeatedRefusal(make: MakeWorld): Promise<void> {
  const there = await contentionOf(make);
  await there.refuse('slow', PLACE, 2);
  for (const on of [0, 1]) assert.equal((await there.repeat('slow', on)).reserved, undefined);
  assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
}
