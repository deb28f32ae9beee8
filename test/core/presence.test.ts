import assert from 'node:assert/strict';
import { joinResponseSchema } from '../../src/protocol/clients.ts';
import type { ClientId } from '../../src/protocol/ids.ts';
import { EngineWorld, SPACE } from '../support/engine-fixture.ts';

const ME = { subject: 'anonymous' };

async function join(world: EngineWorld, request: { clientId?: string; name?: string; data?: never } = {}, on = 0) {
  const body = await world.run(world.at(on).engine.clients.join(SPACE, request, ME));
  return joinResponseSchema.parse(JSON.parse(body.toString()));
}

describe('presence', () => {
  it('[PR1] thin', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 1 });
    const ann = await join(world, { clientId: 'ann', name: 'Ann' });
    assert.deepEqual(ann.clients, [{ id: 'ann', name: 'Ann', state: 'joined' }]);
    assert.equal(ann.items.length, 1);
    const parked = world.park({ marker: ann.marker, clientId: 'ann' }, 1);
    await world.settle();
    const bob = await join(world, { clientId: 'bob' });
    assert.equal(bob.clients?.length, 2);
    await world.pass(200);
    assert.deepEqual(parked.response.clients, [{ id: 'bob', state: 'joined' }]);
    const again = world.park({ marker: parked.response.marker, clientId: 'ann' }, 1);
    await world.run(world.at(0).engine.clients.leave(SPACE, 'bob' as ClientId, undefined, ME));
    await world.pass(200);
    assert.deepEqual(again.response.clients, [{ id: 'bob', state: 'left' }]);
  });
});
