import assert from 'node:assert/strict';
import { NoAnswerError, RefusedError } from '../../src/client/connect.ts';
import { Actions } from '../../src/pages/board/actions.ts';
import { World } from '../client/world.ts';

describe('what a user does to cards', () => {
  let world: World;
  let actions: Actions;
  let other: Actions;
  let fence = 0;

  beforeEach(async () => {
    world = new World();
    fence = 0;
    const [a, b] = [world.client({}, grantsLocks), world.client({}, grantsLocks)];
    await world.pass(100);
    let ids = 0;
    const now = () => world.clock.monotonic();
    actions = new Actions(a.space, () => `${ids++}`, now);
    other = new Actions(b.space, () => `other${ids++}`, now);
  });
  afterEach(() => world.close());

  function grantsLocks(net: { locks: (item: string) => { fence: number; ttlMs: number } }): void {
    net.locks = () => ({ fence: ++fence, ttlMs: 10_000 });
  }
  const value = (id: string) => world.server.value(id);

  it('[BD10] is undone action by action, and done again', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    actions.paint(id, 'sun');
    actions.move(id, { x: 16, y: 0 });
    await world.pass(2_000);
    actions.move(id, { x: 0, y: 16 });
    const [{ x, y } = { x: 0, y: 0 }] = [actions.card(id)];
    assert.equal(actions.undo()?.what, 'move');
    assert.deepEqual([actions.card(id)?.x, actions.card(id)?.y], [x, y - 16]);
    assert.equal(actions.undo()?.what, 'move');
    assert.equal(actions.undo()?.what, 'colour');
    assert.equal(actions.card(id)?.color, 'paper');
    assert.equal(actions.undo()?.what, 'add');
    assert.deepEqual([actions.card(id), actions.canUndo, actions.undo()], [undefined, false, undefined]);
    for (const what of ['add', 'colour', 'move', 'move']) assert.equal(actions.redo()?.what, what);
    assert.deepEqual([actions.card(id)?.x, actions.card(id)?.y, actions.card(id)?.color], [x, y, 'sun']);
    assert.equal(actions.canRedo, false);
    await world.pass(500);
    assert.deepEqual(value(id), { text: '', color: 'sun', x, y, z: 1 });
  });

  it('[BD10] presses of a key in quick succession are one action', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    const before = actions.card(id)?.x ?? 0;
    for (let i = 0; i < 5; i++) actions.move(id, { x: 16, y: 0 });
    assert.equal(actions.card(id)?.x, before + 80);
    actions.undo();
    assert.equal(actions.card(id)?.x, before);
  });

  it('[BD10] a deleted card comes back as it was, with what is not the board’s', async () => {
    void world.joiners[0]?.space.item('c').set({ x: 5, y: 6, text: 'a', tags: ['b'] });
    actions.remove('c');
    await world.pass(200);
    assert.equal(value('c'), undefined);
    actions.undo();
    await world.pass(200);
    assert.deepEqual(value('c'), { x: 5, y: 6, text: 'a', tags: ['b'] });
  });

  it('[BD10] nothing is taken back that somebody else has changed since', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    actions.move(id, { x: 16, y: 0 });
    await world.pass(300);
    other.move(id, { x: 160, y: 0 });
    await world.pass(300);
    const now = value(id);
    assert.equal(actions.undo()?.op, undefined);
    await world.pass(300);
    assert.deepEqual(value(id), now);
    other.undo();
    await world.pass(300);
    assert.notDeepEqual(value(id), now);
  });

  it('[BD10] what was done anew cannot be followed by what was undone before', () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    actions.paint(id, 'sun');
    actions.undo();
    actions.paint(id, 'sea');
    assert.deepEqual([actions.canRedo, actions.redo()], [false, undefined]);
  });

  it('[BD4] a gesture sends nothing before it has the lock, and ends with where it was left', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    const grip = actions.grip(id);
    for (let x = 0; x < 10; x++) grip.put({ x });
    const sent = () => world.joiners[0]?.net.posts().length;
    assert.equal(sent(), 0);
    await world.until(() => world.joiners[0]?.space.item(id).locked === true, 'it is locked');
    grip.put({ x: 500 });
    await world.pass(200);
    const finished = actions.finish(id, 'move', grip, { x: 1, y: 2 }, { x: 700, y: 2 });
    await world.pass(500);
    assert.deepEqual(await finished, { state: 'held' });
    const last = world.joiners[0]?.net.posts().at(-1)?.updates[0];
    assert.deepEqual([last && 'fence' in last && last.fence, last?.release], [fence, true]);
    assert.equal((value(id) as { x: number }).x, 700);
    assert.equal(actions.undo()?.what, 'move');
  });

  it('[BD5] a gesture on a card that somebody holds changes nothing, and tells who it is', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    await world.pass(300);
    const before = value(id);
    const [mine] = world.joiners;
    assert(mine);
    mine.net.locks = () => {
      throw new RefusedError(423, { code: 'locked', holder: 'bo' }, undefined);
    };
    const grip = actions.grip(id);
    grip.put({ x: 900 });
    const finished = actions.finish(id, 'move', grip, { x: 0, y: 0 }, { x: 900, y: 0 });
    await world.pass(500);
    assert.deepEqual(await finished, { state: 'refused', holder: 'bo' });
    assert.deepEqual(value(id), before);
    assert.equal(actions.undo()?.what, 'add');
  });

  it('[BD5] a gesture that changes nothing leaves no trace but the lock given back', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    await world.pass(300);
    const version = world.server.version(id);
    const finished = actions.finish(id, 'text', actions.grip(id), { text: '' }, { text: '' });
    await world.pass(500);
    assert.deepEqual(await finished, { state: 'held' });
    assert.deepEqual([world.server.version(id), world.joiners[0]?.space.item(id).locked], [version, false]);
    assert.equal(world.joiners[0]?.net.asked.filter(({ what }) => what === 'unlock').length, 1);
    assert.equal(actions.undo()?.what, 'add');
  });

  it('[BD6] a card that was deleted meanwhile stays deleted when it was moved, and comes back whole with what was written', async () => {
    const ids = [actions.add({ x: 300, y: 300 }, true), actions.add({ x: 900, y: 300 }, true)] as const;
    const cards = ids.map((id) => actions.card(id));
    await world.pass(300);
    const [mine] = world.joiners;
    assert(mine);
    mine.net.down = true;
    await world.until(() => mine.space.status === 'offline', 'it is offline');
    actions.move(ids[0], { x: 16, y: 0 });
    const { x = 0, y = 0 } = cards[1] ?? {};
    void actions.finish(ids[1], 'text', actions.grip(ids[1]), { text: '' }, { text: 'long thought' });
    for (const id of ids) other.remove(id);
    await world.until(() => ids.every((id) => value(id) === undefined), 'they are deleted');
    mine.net.down = false;
    await world.until(() => mine.space.status === 'live', 'it is live again');
    await world.until(() => actions.cards().size === 1 && value(ids[1]) !== undefined, 'all is sent');
    await world.pass(500);
    assert.deepEqual([value(ids[0]), value(ids[1])], [undefined, { text: 'long thought', color: 'paper', x, y, z: 2 }]);
  });

  it('[BD6] without an answer a gesture goes on without a lock, and its changes are sent later', async () => {
    const id = actions.add({ x: 300, y: 300 }, true);
    await world.pass(300);
    const [mine] = world.joiners;
    assert(mine);
    mine.net.locks = () => {
      throw new NoAnswerError('model', undefined);
    };
    mine.net.down = true;
    const grip = actions.grip(id);
    grip.put({ x: 40 });
    void actions.finish(id, 'move', grip, { x: 0, y: 0 }, { x: 44, y: 0 });
    await world.pass(2_000);
    assert.equal(actions.card(id)?.x, 44);
    mine.net.down = false;
    await world.until(() => (value(id) as { x: number }).x === 44, 'it is there');
  });
});
