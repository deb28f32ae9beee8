import assert from 'node:assert/strict';
import type { ItemAnswer } from '../../src/protocol/get-updates.ts';
import { WELL } from './lossy-transport.ts';
import { shown, World } from './world.ts';

describe('a client that goes on', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  async function live() {
    const client = world.client();
    await world.pass(50);
    assert.equal(client.space.status, 'live');
    return client;
  }

  it('[SDK98] a request of its own that came late and took the place of its poll does not end it', async () => {
    const { space, net } = await live();
    let left = 1;
    net.fate = (what) => (what === 'next' && left-- > 0 ? { kind: 'refused', status: 409, code: 'superseded' } : WELL);
    world.server.post({ updates: [{ item: 'card', op: { set: 1 } }] });
    await world.pass(2_000);
    assert.deepEqual([space.failure, space.status, shown(space, 'card')], [undefined, 'live', 1]);
  });

  it('[SDK98] somebody who goes by its name all the time has it ask less often', async () => {
    const { space, net } = await live();
    net.fate = (what) => (what === 'next' ? { kind: 'refused', status: 409, code: 'superseded' } : WELL);
    const before = net.asked.length;
    world.server.post({ updates: [{ item: 'card', op: { set: 1 } }] });
    await world.pass(60_000, 100);
    const polls = net.asked.length - before;
    assert(polls >= 4 && polls < 10, `${polls} polls in a minute`);
    assert.equal(space.failure, undefined);
  });

  it('[SDK99] items that come as values are asked for until all have come, in as many answers as that takes', async () => {
    const { space, net } = await live();
    const names = ['a', 'b', 'c'];
    const steps = (id: string): ItemAnswer => {
      const base = { id, kind: 'other', version: 2, durableVersion: 1, updatedAt: '' };
      return { ...base, from: 1, deltas: [{ version: 2, op: {}, updatedAt: '' }] };
    };
    const value = (id: string): ItemAnswer => {
      return { id, kind: 'other', version: 2, durableVersion: 1, updatedAt: '', value: `new ${id}` };
    };
    const next = net.next.bind(net);
    let told = false;
    net.next = async (question, signal) => {
      const frame = { epoch: 'e1', marker: question.marker ?? '', upToDate: true, changesRemaining: 0 };
      if (question.ids) {
        const at = Number(question.marker ?? 0);
        const id = names[at] ?? '';
        return { ...frame, marker: String(at + 1), items: [value(id)], upToDate: at === 2, changesRemaining: 2 - at };
      }
      if (told) return next(question, signal);
      told = true;
      return { ...frame, items: names.map(steps) };
    };
    world.server.post({ updates: [{ item: 'wake', op: { set: 1 } }] });
    await world.pass(500);
    assert.deepEqual(
      names.map((id) => shown(space, id)),
      ['new a', 'new b', 'new c'],
    );
  });

  it('[SDK100] what is refused for a condition of its own takes nothing with it that has none', async () => {
    const { space } = await live();
    world.server.post({ updates: [{ item: 'card', op: { set: { by: 'other' } } }] });
    await world.pass(100);
    const card = space.item('card');
    const made = card.set({ by: 'me' }, { ifVersion: 0 });
    const moved = card.merge({ x: 1 });
    await world.pass(500);
    assert.deepEqual([(await made).result, (await moved).result], ['conflict', 'ok']);
    assert.deepEqual(world.server.value('card'), { by: 'other', x: 1 });
  });

  it('[SDK100] what is to be stored before it is acknowledged is, also with a later change that need not be', async () => {
    const { space, net } = await live();
    void space.item('card').set(1, { durable: true });
    void space.item('card').set(2, { durable: false });
    await world.pass(200);
    assert.deepEqual(net.posts().at(-1)?.updates, [{ item: 'card', op: { set: 2 }, durable: true }]);
  });
});
