import assert from 'node:assert/strict';
import { EngineWorld } from '../support/engine-fixture.ts';
import { type Gate, hold, reached } from '../support/gates.ts';

/** What the next polls of these chains, one per instance, are told of a reset. */
async function resets(world: EngineWorld, markers: readonly string[]): Promise<(string | undefined)[]> {
  const answers = [];
  for (const [on, marker] of markers.entries()) answers.push(await world.poll({ marker }, on));
  return answers.map(({ mustReset }) => mustReset?.reason);
}

describe('the beginning of an epoch', () => {
  it('[GU59] two instances meet a new space at once; the other comes when the shards are there and the floor is not: nobody is reset', async () => {
    const world = new EngineWorld({}, 2);
    const [here, there] = [0, 1].map((on) => hold(world.at(on).cache, 'add', /^f\//));
    const first = world.park({ wait: 0 }, 0);
    await reached(world, here as Gate);
    const second = world.park({ wait: 0 }, 1);
    await world.pass(100, 10);
    (here as Gate).open();
    await world.delivered(first);
    (there as Gate).open();
    await world.delivered(second);
    assert.deepEqual(await resets(world, [first.response.marker, second.response.marker]), [undefined, undefined]);
    await world.ok('a', { set: 1 });
    assert.equal((await world.poll({ marker: first.response.marker })).items.length, 1);
  });

  it('[GU59] nor where one makes the shards and the other the floor', async () => {
    const world = new EngineWorld({}, 2);
    const looked = [0, 1].map((on) => hold(world.at(on).cache, 'get', /^x\//, 'after'));
    const floor = hold(world.at(0).cache, 'add', /^f\//);
    const polls = [0, 1].map((on) => world.park({ wait: 0 }, on));
    await world.pass(100, 10);
    looked[0]?.open();
    await world.pass(100, 10);
    looked[1]?.open();
    await world.pass(100, 10);
    floor.open();
    for (const poll of polls) await world.delivered(poll);
    const markers = polls.map(({ response }) => response.marker);
    assert.deepEqual(await resets(world, markers), [undefined, undefined]);
  });

  it('[GU59] many that begin at once, through one instance and another', async () => {
    const world = new EngineWorld({}, 3);
    const polls = [0, 1, 2, 0, 1, 2].map((on) => world.park({ wait: 0, limit: 1 + on }, on));
    const posts = [0, 1, 2].map((on) => world.post(`i${on}`, { set: 1 }, { on }));
    await Promise.all(posts);
    for (const poll of polls) await world.delivered(poll);
    const markers = polls.slice(0, 3).map(({ response }) => response.marker);
    assert.deepEqual(await resets(world, markers), [undefined, undefined, undefined]);
    const epochs = world.instances.reduce((sum, { counts }) => sum + (counts.get('epochs_created') ?? 0), 0);
    assert.equal(epochs, 1);
  });

  it('[GU59] an instance that dies over it holds nobody up for long', async () => {
    const world = new EngineWorld({}, 2);
    const gate = hold(world.at(0).cache, 'add', /^x\//, 'before');
    world.park({ wait: 0 }, 0);
    await reached(world, gate);
    world.at(0).kill();
    const began = world.clock.monotonic();
    await world.snapshot(1);
    assert.ok(world.clock.monotonic() - began <= 1_000, `${world.clock.monotonic() - began} ms`);
  });
});
