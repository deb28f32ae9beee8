import assert from 'node:assert/strict';
import type { Storage } from '../../src/client/storage.ts';
import { shown, World } from './world.ts';

/** What `load` says comes when told. */
class SlowStorage implements Storage {
  kept: string | undefined;
  answer: () => void = () => undefined;

  load(): Promise<string | undefined> {
    const then = Promise.withResolvers<string | undefined>();
    this.answer = () => then.resolve(this.kept);
    return then.promise;
  }

  async save(text: string): Promise<void> {
    this.kept = text;
  }
}

describe('a storage that takes its time', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  it('[SDK96] is not written before what an earlier life left was read', async () => {
    const storage = new SlowStorage();
    const away = (net: { down: boolean }): void => {
      net.down = true;
    };
    const first = world.client({ storage }, away);
    storage.answer();
    await world.pass(50);
    void first.space.item('log', 'journal').post({ add: 'first life' });
    await world.pass(50);
    first.space.close();
    const left = storage.kept;
    const second = world.client({ storage }, away);
    void second.space.item('log', 'journal').post({ add: 'second life' });
    await world.pass(50);
    assert.equal(storage.kept, left);
    storage.answer();
    await world.pass(50);
    assert.deepEqual(shown(second.space, 'log'), ['first life', 'second life']);
    second.space.close();
    const third = world.client({ storage });
    storage.answer();
    await world.pass(500);
    assert.deepEqual(world.server.value('log'), ['first life', 'second life']);
    assert.equal(third.space.clientId, first.space.clientId);
  });

  it('[SDK97] keeps nobody waiting for what it holds once the space is closed', async () => {
    const { space } = world.client({ storage: new SlowStorage() });
    const loaded = space.loaded();
    space.close();
    await assert.rejects(loaded, /closed/);
  });
});
