import assert from 'node:assert/strict';
import type { Engine } from '../../src/core/engine-types.ts';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import { createSpaceAdmin, type SpaceAdmin } from '../../src/core/spaces/space-admin.ts';
import { decideEnded, decideEnding, livingRow } from '../../src/core/spaces/space-changes.ts';
import { decodeSpaceRow, encodeSpaceRow } from '../../src/model/row.ts';
import type { Change, StoreRecord } from '../../src/ports/store.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { Contention } from '../support/contention.ts';
import { EngineWorld, type Instance, N, SPACE, TEST_KINDS } from '../support/engine-fixture.ts';
import { codeOf } from '../support/locks.ts';

const ADMIN = { subject: 'admin' };
const DAY = 86_400_000;

class SpacesWorld extends EngineWorld {
  readonly admin: SpaceAdmin;

  constructor(instances = 1) {
    super({}, 0);
    for (let i = 0; i < instances; i++) this.start({}, { settable: true });
    this.admin = this.adminOf(this.at(0), this.at(0).engine);
  }

  adminOf({ store, settings }: Instance, engine: Pick<Engine, 'postUpdate'>): SpaceAdmin {
    const changed = (space: SpaceId) => settings.forget(space);
    return createSpaceAdmin({ store, clock: this.clock, kinds: TEST_KINDS, engine, persistMs: N, changed });
  }

  set(wanted: Parameters<SpaceAdmin['write']>[1], space = SPACE) {
    return this.run(this.admin.write(space, wanted, () => true));
  }
}

describe('settings of a space in effect', () => {
  it('[SE20] only allowed kinds come into being; what is there of other kinds goes on', async () => {
    const world = new SpacesWorld();
    await world.ok('old', { add: 'x' }, { kind: 'journal' });
    await world.set({ kinds: ['register'] });
    const refused = await world.post('new', { add: 'x' }, { kind: 'journal' });
    assert.ok(refused.result === 'invalid' && refused.code === 'kindUnknown', JSON.stringify(refused));
    assert.match(refused.detail, /takes only register/);
    assert.equal(await world.row('new').then((row) => row?.dead ?? true), true);
    await world.ok('old', { add: 'x' });
    await world.ok('other', { set: 1 });
    await world.set({});
    await world.ok('new', { add: 'x' }, { kind: 'journal' });
  });

  it('[SE20] a refused creation is not carried out by a late copy of its request', async () => {
    const world = new SpacesWorld();
    await world.set({ kinds: ['register'] });
    const sent = { kind: 'journal', seq: 1 };
    assert.equal((await world.post('a', { add: 'x' }, sent)).result, 'invalid');
    await world.set({});
    assert.equal((await world.post('a', { add: 'x' }, sent)).result, 'invalid');
    assert.equal((await world.post('a', { add: 'x' }, { ...sent, seq: 2 })).result, 'ok');
  });

  it('[RV12] reservations in texts begin and end with the setting, in that space alone', async () => {
    const world = new SpacesWorld(2);
    const there = await new Contention(world).create('one two three');
    assert.equal((await there.refuse('slow', 4, 4)).reserved, undefined);
    await world.set({ textReservations: true }, 'other' as SpaceId);
    assert.equal((await there.refuse('slow', 4, 4)).reserved, undefined);
    await world.set({ textReservations: true });
    assert.notEqual((await there.refuse('slow', 4, 3)).reserved, undefined);
    await world.set({});
    assert.equal((await there.write('quick', [4, 0, 'q'])).result, 'conflict', 'what was given stays for its time');
    assert.equal((await there.write('slow', [4, 0, 's'])).result, 'ok');
    assert.equal((await there.refuse('slow', 4, 4)).reserved, undefined);
  });

  it('[SE21] a space’s own N rules how long a moving item goes unstored', async () => {
    const world = new SpacesWorld();
    await world.set({ persistMs: 1_000 });
    await world.ok('a', { set: 1 });
    await world.ok('a', { set: 2 });
    await world.pass(1_500);
    assert.equal((await world.row('a'))?.body, 2);
    await world.set({});
    await world.ok('a', { set: 3 });
    await world.pass(1_500);
    assert.equal((await world.row('a'))?.body, 2);
    await world.pass(N);
    assert.equal((await world.row('a'))?.body, 3);
  });

  it('[SE22] settings count at once where they were made, elsewhere after at most 10 s, without anybody waiting for them in a busy space', async () => {
    const world = new SpacesWorld(2);
    const [here, there] = [world.at(0).settings, world.at(1).settings];
    assert.deepEqual(await world.run(there.load(SPACE)), DEFAULT_SETTINGS);
    await world.run(here.load(SPACE));
    await world.set({ maxLocks: 9 });
    assert.equal(here.known(SPACE), undefined);
    assert.equal((await world.run(here.load(SPACE))).maxLocks, 9);
    let waited = 0;
    for (let second = 0; second < 10; second++) {
      if (there.known(SPACE) === undefined) waited++;
      await world.settle(); // a read takes no time here
      await world.pass(1_000, 1_000);
    }
    assert.deepEqual([waited, there.known(SPACE)?.maxLocks], [0, 9]);
    await world.pass(10_000, 1_000);
    assert.equal(there.known(SPACE), undefined, 'a quiet space is asked for anew');
  });

  it('[SE23] one store read per space, instance and 8 s, whoever asks', async () => {
    const world = new SpacesWorld();
    const { settings, store } = world.at(0);
    await world.run(Promise.all(Array.from({ length: 50 }, () => settings.load(SPACE))));
    const before = store.reads;
    assert.equal(before, 1);
    for (let look = 0; look < 790; look++) {
      assert.ok(settings.known(SPACE));
      world.clock.advance(10);
    }
    assert.equal(store.reads, before);
  });

  it('[SE24] while the store is away the last known settings hold, or the defaults, and it is asked once a second', async () => {
    const world = new SpacesWorld();
    await world.set({ maxLocks: 9 });
    const { settings, store } = world.at(0);
    await world.run(settings.load(SPACE));
    store.down = true;
    await world.pass(30_000, 1_000);
    assert.equal((await world.run(settings.load(SPACE))).maxLocks, 9);
    assert.equal(settings.known(SPACE)?.maxLocks, 9);
    assert.equal((await world.run(settings.load('other'))).maxLocks, DEFAULT_SETTINGS.maxLocks);
    const before = store.reads;
    for (let i = 0; i < 50; i++) await world.run(settings.load(SPACE));
    assert.ok(store.reads - before <= 1);
    store.down = false;
    await world.set({ maxLocks: 7 });
    await world.pass(1_000, 1_000);
    assert.equal((await world.run(settings.load(SPACE))).maxLocks, 7);
  });

  it('[SE24] updates of what is in the cache go on where settings were never known', async () => {
    const world = new SpacesWorld(2);
    await world.ok('a', { set: 1 });
    await world.ok('a', { set: 2 }, { on: 1 });
    const { settings, store } = world.at(1);
    settings.forget(SPACE);
    store.down = true;
    for (const value of [3, 4]) await world.ok('a', { set: value }, { on: 1 });
    await world.pass(2_000);
    await world.ok('a', { set: 5 }, { on: 1 });
  });

  it('[SE26] a store that hangs keeps an update waiting for settings no longer than a second, and no other for another second', async () => {
    const world = new SpacesWorld();
    await world.set({ maxLocks: 9 });
    await world.ok('a', { set: 1 });
    await world.pass(N / 2);
    await world.ok('a', { set: 2 });
    const { settings, store } = world.at(0);
    settings.forget(SPACE);
    const read = store.read.bind(store);
    store.read = () => new Promise(() => {});
    for (const [update, most] of [
      [3, 1_100],
      [4, 50],
    ] as const) {
      const began = world.clock.monotonic();
      await world.ok('a', { set: update });
      assert.ok(world.clock.monotonic() - began <= most, `${world.clock.monotonic() - began} ms`);
    }
    store.read = read;
    await world.pass(1_100);
    assert.equal((await world.run(settings.load(SPACE))).maxLocks, 9);
  });

  it('[SE24] what was being read when the settings changed does not count', async () => {
    const world = new SpacesWorld();
    const { settings } = world.at(0);
    const reading = settings.load(SPACE);
    await world.set({ maxLocks: 9 });
    await world.run(reading);
    assert.equal((await world.run(settings.load(SPACE))).maxLocks, 9);
  });
});

describe('deleting a space', () => {
  it('[SE30] every item becomes a tombstone that parked polls see; then the settings are gone, and it is not listed', async () => {
    const world = new SpacesWorld();
    await world.set({ maxLocks: 9 });
    for (let i = 0; i < 250; i++) await world.ok(`i${i}`, { set: i });
    const { marker } = await world.poll({ limit: 500 });
    const parked = world.park({ marker });
    await world.settle();
    const { outcome, deleted } = await world.run(world.admin.delete(SPACE, ADMIN));
    assert.deepEqual([outcome, deleted], ['done', 250]);
    await world.delivered(parked);
    assert.ok(parked.response.items.every((item) => 'deleted' in item));
    assert.deepEqual((await world.snapshot()).items, []);
    assert.equal(await world.run(world.admin.read(SPACE)), undefined);
    assert.deepEqual((await world.run(world.admin.list('', 10, () => true))).spaces, []);
    assert.equal((await world.run(world.admin.delete(SPACE, ADMIN))).outcome, 'absent');
  });

  it('[SE34] it deletes what somebody holds, too, and what only a holder may change', async () => {
    const world = new SpacesWorld();
    world.clients.join('ann');
    const { fence } = await world.ok('held', { set: 1 }, { clientId: 'ann', grab: true });
    await world.ok('free', { set: 1 });
    await world.set({ lockRules: { register: 'required' } });
    const { outcome, deleted } = await world.run(world.admin.delete(SPACE, ADMIN));
    assert.deepEqual([outcome, deleted], ['done', 2]);
    assert.deepEqual(world.clients.held('ann'), {});
    assert.equal((await world.post('held', { set: 2 }, { clientId: 'ann', fence })).result, 'fenced');
  });

  it('[SE31] it goes on where a call ended, and what cannot be deleted now can be later', async () => {
    const world = new SpacesWorld();
    for (let i = 0; i < 5; i++) await world.ok(`i${i}`, { set: i });
    const { engine } = world.at(0);
    const slow = world.adminOf(world.at(0), {
      async postUpdate(space, request, caller) {
        const done = await engine.postUpdate(space, { updates: request.updates.slice(0, 2) }, caller);
        const rest = request.updates.slice(2).map(({ item }) => {
          return { item, result: 'retry', code: 'contention', retryAfterMs: 1 } as const;
        });
        return { ...done, results: [...done.results, ...rest] };
      },
    });
    const calls = [];
    for (let i = 0; i < 4; i++) calls.push(await world.run(slow.delete(SPACE, ADMIN)));
    assert.deepEqual(
      calls.map(({ outcome, deleted }) => `${outcome} ${deleted}`),
      ['more 2', 'more 2', 'done 1', 'absent 0'],
    );
  });

  it('[SE31] a call is bounded in time', async () => {
    const world = new SpacesWorld();
    for (let i = 0; i < 250; i++) await world.ok(`i${String(i).padStart(3, '0')}`, { set: i });
    const { engine } = world.at(0);
    const slow = world.adminOf(world.at(0), {
      async postUpdate(...args) {
        const done = await engine.postUpdate(...args);
        world.clock.advance(6_000);
        return done;
      },
    });
    const first = await world.run(slow.delete(SPACE, ADMIN));
    assert.deepEqual([first.outcome, first.deleted], ['more', 100]);
    const { store } = world.at(0);
    const looked: string[] = [];
    const list = store.list;
    store.list = (space, kind, after, limit) => {
      looked.push(after);
      return list(space, kind, after, limit);
    };
    assert.equal((await world.run(slow.delete(SPACE, ADMIN))).deleted, 100);
    assert.deepEqual(looked[0], 'i099', 'what was done is not looked at again');
    await world.ok('i050', { set: 'back' });
    looked.length = 0;
    assert.equal((await world.run(slow.delete(SPACE, ADMIN))).deleted, 1);
    assert.equal(looked[0], '', 'something came to life: all over again');
  });

  it('[SE32] who writes while it is being deleted, or afterwards, keeps or gets the space, without its old settings', async () => {
    const world = new SpacesWorld();
    await world.set({ maxLocks: 9 });
    await world.ok('a', { set: 1 });
    const { engine } = world.at(0);
    let late = false;
    const admin = world.adminOf(world.at(0), {
      async postUpdate(space, request, caller) {
        const done = await engine.postUpdate(space, request, caller);
        if (!late) await engine.postUpdate(space, { updates: [{ item: 'A-late', op: { set: 1 } }] }, caller);
        late = true;
        return done;
      },
    });
    assert.equal((await world.run(admin.delete(SPACE, ADMIN))).outcome, 'done');
    const kept = await world.run(admin.read(SPACE));
    assert.deepEqual([kept?.maxLocks, kept?.version], [4, 2]);
    assert.equal((await world.run(admin.delete(SPACE, ADMIN))).outcome, 'done');
    assert.equal(await world.run(admin.read(SPACE)), undefined);
    await world.ok('a', { set: 2 });
    assert.ok(await world.run(admin.read(SPACE)), 'an item that comes back to life brings the space back');
    const again = await world.set({});
    assert.ok(again.outcome === 'written' && again.settings.version === 4, 'versions never mean two settings');
  });
});

describe('settings put while a space is being deleted', () => {
  it('[SE35] they stand, and the space with them; the next call of the deletion takes them', async () => {
    const world = new SpacesWorld();
    await world.set({ maxLocks: 9 });
    await world.ok('a', { set: 1 });
    const { engine } = world.at(0);
    const admin = world.adminOf(world.at(0), {
      async postUpdate(...args) {
        await world.admin.write(SPACE, { maxLocks: 2 }, () => true);
        return engine.postUpdate(...args);
      },
    });
    assert.equal((await world.run(admin.delete(SPACE, ADMIN))).outcome, 'done');
    const put = await world.run(admin.read(SPACE));
    assert.deepEqual([put?.maxLocks, put?.version], [2, 2]);
    assert.equal((await world.run(admin.delete(SPACE, ADMIN))).outcome, 'done');
    assert.equal(await world.run(admin.read(SPACE)), undefined);
  });
});

describe('deleting a space with locks in it', () => {
  it('[SE34] it ends locks of any holder through any instance; their holders may hold others then, and polls see tombstones', async () => {
    const world = new SpacesWorld(2);
    await world.set({ maxLocks: 1 });
    world.clients.join('ann');
    await world.ok('free', { set: 1 });
    const { fence = 0 } = await world.ok('held', { set: 1 }, { clientId: 'ann', grab: true, on: 1 });
    const { marker } = await world.poll({}, 1);
    const parked = world.park({ marker }, 1);
    await world.settle();
    const { outcome, deleted } = await world.run(world.admin.delete(SPACE, ADMIN));
    assert.deepEqual([outcome, deleted], ['done', 2]);
    await world.delivered(parked);
    assert.ok(parked.response.items.every((item) => 'deleted' in item));
    assert.deepEqual([await world.evict(/^l\//), world.clients.held('ann')], [0, {}]);
    assert.equal((await world.post('held', { set: 2 }, { clientId: 'ann', fence, on: 1 })).result, 'fenced');
    await world.ok('other', { set: 1 }, { clientId: 'ann', grab: true });
  });

  it('[SE34] nor does a rule that kinds are changed by their holder only', async () => {
    const world = new SpacesWorld();
    await world.ok('a', { set: 1 });
    await world.set({ lockRules: { register: 'required' } });
    assert.equal(codeOf(await world.post('a', { delete: true })), 'lockRequired');
    assert.equal((await world.run(world.admin.delete(SPACE, ADMIN))).outcome, 'done');
  });

  it('[SE34] an item that is grabbed anew meanwhile keeps the space', async () => {
    const world = new SpacesWorld();
    world.clients.join('ann');
    await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    const { engine } = world.at(0);
    const admin = world.adminOf(world.at(0), {
      async postUpdate(...args) {
        const done = await engine.postUpdate(...args);
        const again = { clientId: 'ann', updates: [{ item: 'a', op: { set: 2 }, grab: true }] };
        await engine.postUpdate(SPACE, again, { subject: 'anonymous' });
        return done;
      },
    });
    assert.equal((await world.run(admin.delete(SPACE, ADMIN))).outcome, 'done');
    assert.ok(await world.run(world.admin.read(SPACE)));
    assert.equal((await world.run(world.admin.delete(SPACE, ADMIN))).deleted, 1);
    assert.equal(await world.run(world.admin.read(SPACE)), undefined);
  });
});

describe('deletions at once', () => {
  it('[SE32] of two calls only the one that began last can tell that nothing is left', () => {
    const begin = (record: StoreRecord | undefined) => {
      const { changes, result } = decideEnding('s', () => true)([record]);
      return { record: recordIn(changes), ending: result ?? { number: 0, to: '', settingsVersion: 0 } };
    };
    const first = begin(encodeSpaceRow({ ...decodeSpaceRow(undefined), createdAt: 1 }));
    const second = begin(first.record);
    const early = recordIn(decideEnded('s', first.ending)([second.record]).changes);
    assert.ok(livingRow(early), 'the second may still have to delete what came before it');
    assert.equal(livingRow(recordIn(decideEnded('s', second.ending)([early]).changes)), undefined);
  });
});

function recordIn([change]: readonly Change[]): StoreRecord {
  assert.ok(change && change.record !== 'delete');
  return change.record;
}

describe('what is kept for how long', () => {
  const other = 'other' as SpaceId;

  /** One more server, whose clock is so far ahead, sweeps. */
  async function sweepAfter(world: SpacesWorld, ms: number): Promise<Instance> {
    const later = world.start({}, { settable: true, skewMs: ms });
    await world.run(later.engine.sweep());
    return later;
  }

  async function makeTombstones(world: SpacesWorld, items: readonly string[], space: string): Promise<void> {
    for (const op of [{ set: 1 }, { delete: true }]) {
      await world.postAll({ updates: items.map((item) => ({ item, op })) }, { space });
    }
  }

  it('[SE40] tombstones are kept as long as their space says, else a day', async () => {
    const world = new SpacesWorld();
    await world.set({ tombstoneMs: 600_000 });
    await world.set({ tombstoneMs: 3 * DAY }, other);
    for (const space of [SPACE, other, 'third']) await makeTombstones(world, ['a'], space);
    const left = async (ms: number) => {
      const { store } = await sweepAfter(world, ms);
      const found = await Promise.all([SPACE, other, 'third'].map((space) => store.list(space, 'item', '', 9)));
      return found.map((ids) => ids.length).join('');
    };
    // Nobody raises the floor of these spaces: their markers get a day more.
    assert.equal(await left(DAY), '111');
    assert.equal(await left(DAY + 1_000_000), '011');
    assert.equal(await left(2 * DAY + 100_000), '010');
    assert.equal(await left(4 * DAY - 100_000), '010');
    assert.equal(await left(4 * DAY + 100_000), '000');
  });

  it('[SE41] many tombstones that are kept for long do not hide those that go', async () => {
    const world = new SpacesWorld();
    await world.set({ tombstoneMs: 300 * DAY });
    for (let i = 0; i < 1_000; i += 100) {
      await makeTombstones(
        world,
        Array.from({ length: 100 }, (_, n) => `k${i + n}`),
        SPACE,
      );
    }
    await makeTombstones(world, ['y1', 'y2', 'y3', 'y4', 'y5', 'y6'], other); // at the same time
    await world.pass(20_000, 1_000);
    await makeTombstones(world, ['z1', 'z2', 'z3', 'z4', 'z5', 'z6'], other);
    const { store, engine } = await sweepAfter(world, 3 * DAY);
    await world.run(engine.sweep());
    assert.deepEqual(await store.list(other, 'item', '', 9), []);
    assert.equal((await store.list(SPACE, 'item', '', 2_000)).length, 1_000);
  });

  it('[SE42] a space goes when nobody has posted or polled for as long as it is kept, and not before', async () => {
    const world = new SpacesWorld();
    await world.set({ idleKeepMs: 2 * DAY });
    await world.set({}, other);
    for (const space of [SPACE, other]) await world.postAll({ updates: [{ item: 'a', op: { set: 1 } }] }, { space });
    await world.pass(30_000, 250); // closed: nobody has to tidy up here
    const user = world.start({}, { settable: true, skewMs: 1.5 * DAY });
    user.engine.poll(SPACE, { limit: 500, durable: false, wait: 0 }, () => {});
    await world.settle();
    await world.run(user.engine.sweep());
    await sweepAfter(world, 3 * DAY);
    assert.ok(await world.run(world.admin.read(SPACE)), 'it was in use at one day and a half');
    await sweepAfter(world, 3.6 * DAY);
    assert.equal(await world.run(world.admin.read(SPACE)), undefined);
    assert.deepEqual((await world.poll({})).items, []);
    await sweepAfter(world, 4_000 * DAY);
    assert.ok(await world.run(world.admin.read(other)), 'kept for ever where nothing is said');
  });

  it('[SE42] a server in whose memory a space is in use does not delete it', async () => {
    const world = new SpacesWorld();
    await world.set({ idleKeepMs: DAY });
    await world.ok('a', { set: 1 });
    const later = world.start({}, { settable: true, skewMs: 3 * DAY });
    later.engine.poll(SPACE, { limit: 500, durable: false, wait: 0 }, () => {});
    await world.settle();
    await world.run(later.engine.sweep());
    assert.ok(await world.run(world.admin.read(SPACE)));
  });
});
