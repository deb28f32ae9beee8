import assert from 'node:assert/strict';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { HeldSettings } from '../../src/core/spaces/held-settings.ts';
import { IdleSpaces } from '../../src/core/spaces/idle-spaces.ts';
import type { SpaceDeps } from '../../src/core/spaces/settings.ts';
import { SharedSettings } from '../../src/core/spaces/shared-settings.ts';
import { createSpaceAdmin, type SpaceAdmin } from '../../src/core/spaces/space-admin.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import { settingsKey } from '../../src/model/keys.ts';
import type { Cache } from '../../src/ports/cache.ts';
import { Failure } from '../../src/ports/failure.ts';
import type { Store } from '../../src/ports/store.ts';
import type { ProblemError } from '../../src/protocol/errors.ts';
import { spaceId } from '../support/callers.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { Mortal, mortal } from '../support/mortal.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const SPACE = spaceId('board');
const DAY_MS = 86_400_000;
const ANN = { subject: 'ann' };

type Instance = { readonly settings: HeldSettings; readonly admin: SpaceAdmin };

/** Instances over one cache and one store. */
class Deployment {
  readonly clock = new FakeClock();
  readonly cache = createMemoryCache({ clock: this.clock });
  readonly inner = createMemoryStore();
  reads = 0;
  /** What happens after the store was read, before who asked has the answer. */
  afterRead: () => Promise<void> = async () => {};
  readonly store = overriding(this.inner, {
    read: async (keys) => {
      this.reads++;
      const records = await this.inner.read(keys);
      await this.afterRead();
      return records;
    },
  });
  readonly log = new RecordedLog();

  start(cache: Cache = this.cache, store: Store = this.store): Instance {
    const { clock, log } = this;
    const settings = new HeldSettings({ store, clock, log, shared: new SharedSettings({ cache, store }) });
    const admin = createSpaceAdmin({
      store,
      clock,
      kinds: KINDS,
      engine: { postUpdate: () => Promise.reject(new Error('there are no items')) },
      persistMs: 5_000,
      changed: (space) => settings.forget(space),
      changing: (space, write) => settings.changing(space, write),
    });
    return { settings, admin };
  }

  async put({ admin }: Instance, maxLocks: number, more: object = {}): Promise<void> {
    await admin.write(SPACE, { maxLocks, ...more }, () => true);
  }

  async pass(ms: number, each: () => void = () => {}): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      each();
      await settle();
      this.clock.advance(Math.min(left, 1_000));
    }
  }
}

function overriding<T extends object>(inner: T, own: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      const method = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });
}

const maxLocks = async ({ settings }: Instance) => (await settings.load(SPACE)).maxLocks;

describe('settings that instances share', () => {
  it('[SE27] one reading of the store a minute serves all instances', async () => {
    const world = new Deployment();
    const all = Array.from({ length: 5 }, () => world.start());
    const [first] = all as [Instance];
    await world.put(first, 7);
    world.reads = 0;
    for (const one of all) {
      assert.equal(await maxLocks(one), 7);
      await world.pass(1_000);
    }
    assert.equal(world.reads, 1);
    const look = () =>
      assert.deepEqual(new Set(all.map(({ settings }) => settings.known(SPACE)?.maxLocks)), new Set([7]));
    await world.pass(50_000, look);
    assert.equal(world.reads, 1);
    await world.pass(250_000, look);
    assert.ok(world.reads > 4 && world.reads <= 6, `${world.reads}`);
  });

  it('[SE27] spaces that nobody has set anything in are no exception', async () => {
    const world = new Deployment();
    for (let i = 0; i < 3; i++) assert.equal(await maxLocks(world.start()), 4);
    assert.equal(world.reads, 1);
  });

  it('[SE22] a change counts at once where it was made, elsewhere after at most 10 s, with one cache too', async () => {
    const world = new Deployment();
    const [here, there] = [world.start(), world.start()];
    for (const one of [here, there]) assert.equal(await maxLocks(one), 4);
    await world.put(here, 9);
    assert.equal(await maxLocks(here), 9);
    await world.pass(10_000, () => there.settings.known(SPACE));
    assert.equal(there.settings.known(SPACE)?.maxLocks, 9);
    assert.equal((await here.admin.delete(SPACE, ANN)).outcome, 'done');
    assert.equal(await maxLocks(here), 4);
    await world.pass(10_000, () => there.settings.known(SPACE));
    assert.equal(there.settings.known(SPACE)?.maxLocks, 4);
  });

  it('[SE28] what a reading finds that a change overtakes is not kept', async () => {
    const world = new Deployment();
    const [reader, writer, later] = [world.start(), world.start(), world.start()];
    await world.put(writer, 5);
    world.afterRead = async () => {
      world.afterRead = async () => {};
      await world.put(writer, 6);
    };
    assert.equal(await maxLocks(reader), 5, 'it asked before');
    await settle();
    assert.equal(await maxLocks(later), 6);
  });

  it('[SE28] whoever changes them may die at any step', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; ; at++) {
        assert.ok(at < 10);
        const world = new Deployment();
        const life = new Mortal(at, when);
        const mortals = world.start(mortal(world.cache, life), mortal(world.store, life));
        const [there, later] = [world.start(), world.start()];
        assert.equal(await maxLocks(there), 4);
        await world.put(mortals, 8).catch(() => undefined);
        const died = life.isDead;
        const now = (await there.admin.read(SPACE))?.maxLocks ?? 4;
        assert.equal(await maxLocks(later), now, `${when} call ${at}`);
        await world.pass(10_000, () => there.settings.known(SPACE));
        assert.equal(there.settings.known(SPACE)?.maxLocks, now, `${when} call ${at}`);
        if (!died) break;
      }
    }
  });

  it('[SE28] a space that goes because nobody uses it takes its settings from there as well', async () => {
    const world = new Deployment();
    const [here, there] = [world.start(), world.start()];
    await world.put(here, 3, { idleKeepMs: DAY_MS });
    await world.pass(0);
    world.clock.advance(DAY_MS + 1);
    assert.equal(await maxLocks(there), 3);
    const { store, clock, log } = world;
    const deps = { store, clock, log, settings: here.settings } as unknown as SpaceDeps;
    await new IdleSpaces(deps, { postUpdate: () => Promise.reject(new Error('there are no items')) }).end(new Set());
    assert.equal(await here.admin.read(SPACE), undefined);
    assert.equal(await maxLocks(world.start()), 4);
  });

  it('[SE29] while the cache does not answer nothing is changed, and reading goes to the store', async () => {
    const world = new Deployment();
    const here = world.start();
    await world.put(here, 5);
    const away = () => Promise.reject(new Failure('cacheUnavailable', 'away'));
    const cut = world.start(overriding<Cache>(world.cache, { get: away, add: away, set: away, cas: away }));
    assert.equal(await maxLocks(cut), 5);
    const refused = ({ problem }: ProblemError) => problem.code === 'cacheUnavailable' && problem.status === 503;
    await assert.rejects(world.put(cut, 6), refused);
    await assert.rejects(cut.admin.delete(SPACE, ANN), refused);
    assert.equal((await here.admin.read(SPACE))?.maxLocks, 5);
  });

  it('[SE27] members are not among them', async () => {
    const world = new Deployment();
    const here = world.start();
    await world.put(here, 5, { members: { 'app:ann': 'rw' } });
    assert.equal(await maxLocks(here), 5);
    await settle();
    const [entry] = await world.cache.get([settingsKey(SPACE)]);
    assert.match(String(entry?.value), /"maxLocks":5/);
    assert.doesNotMatch(String(entry?.value), /ann/);
  });
});
