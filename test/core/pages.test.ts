import assert from 'node:assert/strict';
import { MAX_REGISTER_BYTES } from '../../src/protocol/limits.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';

const IDS = Array.from({ length: 25 }, (_, i) => `a${String(i).padStart(2, '0')}`);

async function filled(): Promise<EngineWorld> {
  const world = new EngineWorld();
  for (const id of IDS) await world.ok(id, { set: id });
  return world;
}

describe('GetUpdates: pages', () => {
  for (const limit of [1, 2, 7, 24, 25, 26, 500]) {
    it(`[GU40] a snapshot in pages of ${limit} lists every item once; only the last page is up to date`, async () => {
      const world = await filled();
      const chain = new Chain(world);
      let pages = 0;
      for (;;) {
        const response = await chain.page({ limit });
        pages++;
        assert.ok(response.items.length <= limit);
        assert.equal(response.upToDate, response.changesRemaining === 0);
        if (response.upToDate) break;
        assert.equal(response.items.length, limit);
      }
      assert.ok(pages <= Math.ceil(25 / limit) + 1, `${pages} pages`);
      assert.deepEqual(chain.values, Object.fromEntries(IDS.map((id) => [id, id])));
      assert.ok([...chain.delivered.values()].every((versions) => versions.length === 1));
    });

    it(`[GU41] changes in pages of ${limit}: every change once, then silence`, async () => {
      const world = await filled();
      const chain = new Chain(world);
      await chain.next();
      for (const id of IDS) await world.ok(id, { set: 'new' });
      await chain.next({ limit });
      assert.deepEqual(new Set(Object.values(chain.values)), new Set(['new']));
      assert.ok([...chain.delivered.values()].every((versions) => versions.length === 2));
      assert.deepEqual((await chain.next({ limit })).items, []);
    });
  }

  it('[GU86] large values come in several pages, of a snapshot and of changes', async () => {
    const world = new EngineWorld();
    const large = (id: string, letter: string) => id + letter.repeat(MAX_REGISTER_BYTES - 100);
    const chain = new Chain(world);
    for (const letter of ['x', 'y']) {
      for (const id of IDS) await world.ok(id, { set: large(id, letter) });
      const pages: number[] = [];
      for (;;) {
        const { items, upToDate } = await chain.page();
        pages.push(items.length);
        if (upToDate) break;
      }
      assert.deepEqual(pages, [16, 9]);
      assert.deepEqual(chain.values, Object.fromEntries(IDS.map((id) => [id, large(id, letter)])));
    }
    assert.ok([...chain.delivered.values()].every((versions) => versions.length === 2));
  });

  it('[GU42] changes between the pages of a snapshot are not lost: before, at and after the cursor, new and deleted', async () => {
    const world = await filled();
    const chain = new Chain(world);
    for (let page = 0; page < 5; page++) {
      const response = await chain.page({ limit: 5 });
      if (response.upToDate) break;
      await world.ok(`a0${page}`, { set: `changed on page ${page}` });
      await world.ok(`a2${page}`, { set: `changed on page ${page}` });
      await world.ok(`A${page}`, { set: 'before everything' });
      await world.ok(`z${page}`, { set: 'after everything' });
      await world.ok(`a1${page}`, { delete: true });
      await world.pass(700);
    }
    await chain.next({ limit: 5 });
    await chain.next({ limit: 5 });
    const fresh = new Chain(world);
    await fresh.next();
    assert.deepEqual(chain.values, fresh.values);
  });

  it('[GU42] also when the pages take so long that coverages end between them', async () => {
    const world = await filled();
    const other = new Chain(world);
    const chain = new Chain(world);
    for (let page = 0; ; page++) {
      const response = await chain.page({ limit: 4 });
      if (response.upToDate) break;
      await world.ok(`a0${page % 10}`, { set: page });
      for (let i = 0; i < 8; i++) {
        await world.pass(1_000, 250);
        await other.next();
      }
    }
    await chain.next();
    const fresh = new Chain(world);
    await fresh.next();
    assert.deepEqual(chain.values, fresh.values);
  });

  it('[GU43] items that never stop moving do not keep a small page from ending: as many pages as the first promised', async () => {
    const world = await filled();
    const chain = new Chain(world);
    await chain.next();
    for (const id of IDS) await world.ok(id, { set: 0 });
    let pages = 0;
    for (let response = await chain.page({ limit: 5 }); !response.upToDate && pages < 30; pages++) {
      for (const id of IDS) await world.ok(id, { set: pages });
      response = await chain.page({ limit: 5 });
    }
    assert.ok(
      [...chain.delivered.values()].every((versions) => versions.length >= 2),
      'everybody had a turn',
    );
  });

  it('[GU44] upToDate with changesRemaining 0 is firm: whoever has it holds what a snapshot holds', async () => {
    const world = await filled();
    const chain = new Chain(world);
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 6; i++) await world.ok(IDS[world.random.int(25)] ?? 'a00', { set: `${round}.${i}` });
      const response = await chain.page({ limit: 1 + world.random.int(9) });
      await world.pass(300);
      if (!response.upToDate) continue;
      const fresh = new Chain(world);
      await fresh.next();
      assert.deepEqual(chain.values, fresh.values, `round ${round}`);
    }
  });

  it('[GU45] a page in the middle of a snapshot answers at once, whatever the wait', async () => {
    const world = await filled();
    const first = await world.poll({ limit: 10 });
    const parked = world.park({ limit: 10, marker: first.marker, wait: 50 });
    await world.settle();
    assert.equal(parked.response.items.length, 10);
  });

  it('[GU47] a filter that few of many items match finds them all, in pages too', async () => {
    const world = new EngineWorld();
    const updates = Array.from({ length: 2_300 }, (_, i) => ({
      item: `n${String(i).padStart(4, '0')}`,
      op: { set: i },
    }));
    for (let at = 0; at < updates.length; at += 100) await world.postAll({ updates: updates.slice(at, at + 100) });
    const ids = ['n0000', 'n1000', 'n1001', 'n2*'];
    const chain = new Chain(world);
    await chain.next({ ids, limit: 70 });
    assert.equal(chain.items.size, 303);
    const whole = await world.poll({ ids: ['n229*', 'n0999'] });
    assert.deepEqual([whole.items.length, whole.upToDate], [11, true]);
  });

  it('[GU46] more than 200 items at once leave their versions in the cache: no repeats; that record lost: repeats, no skips', async () => {
    const world = new EngineWorld();
    const ids = Array.from({ length: 260 }, (_, i) => `m${i}`);
    for (const id of ids) await world.ok(id, { set: 0 });
    const chain = new Chain(world);
    const first = await chain.next();
    assert.ok(first.marker.length <= 4_096);
    assert.deepEqual((await chain.next()).items, []);
    await world.ok('m5', { set: 1 });
    assert.equal((await world.evict(/^s\//)) > 0, true);
    await chain.next();
    assert.equal(chain.items.get('m5')?.value, 1);
    await world.pass(3 * N);
    await chain.next();
    assert.deepEqual((await chain.next()).items, []);
  });
});
