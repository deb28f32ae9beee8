import assert from 'node:assert/strict';
import type { Places } from '../../src/core/due-pages.ts';
import { ArchiveFiles } from '../../src/core/history/archive-files.ts';
import { dropEndedLives } from '../../src/core/history/drop-ended.ts';
import { moveSegments } from '../../src/core/history/move-segments.ts';
import { restoreSegments } from '../../src/core/history/restore-segments.ts';
import { Segments } from '../../src/core/history/segments.ts';
import { rowOf } from '../../src/core/row-content.ts';
import type { SpaceDeps } from '../../src/core/spaces/settings.ts';
import { endedRowKey, itemRowKey, type Life, opsRowKey } from '../../src/model/keys.ts';
import { archiveShard, encodeEnded, encodeOps, segmentDue } from '../../src/model/ops-record.ts';
import { coarse, encodeRow } from '../../src/model/row.ts';
import type { Blobs } from '../../src/ports/blobs.ts';
import type { Change, Store } from '../../src/ports/store.ts';
import { FakeClock } from '../support/clocks.ts';
import { Mortal, mortal } from '../support/mortal.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { sampleHead } from '../support/sample-heads.ts';

export type ArchiveSetup = () => Promise<{ store: Store; blobs: Blobs; close: () => Promise<void> }>;

const AFTER_MS = 3_600_000;
const TOMBSTONE_MS = 600_000;
/** Operations of one segment; of six segments, the last may still grow. */
const SIZE = 4;
const SEGMENTS = 6;
const LAST = SIZE * SEGMENTS;
const GROWING = LAST - SIZE + 1;
const LIFE: Life = { space: 'board', item: 'c', born: 3 };

/** What sweeps and readers do with archived operations, over one store and one kind of blobs. */
export class ArchiveWorld {
  readonly clock = new FakeClock();
  readonly store: Store;
  readonly blobs: Blobs;
  readonly #places: Places = new Map();
  readonly log = new RecordedLog();
  readonly counted = new Map<string, number>();
  /** Blobs that a restore passed over. */
  readonly unreadable: string[] = [];
  /** How long tombstones of a space are kept, where it says so. */
  readonly kept = new Map<string, number>();

  constructor(store: Store, blobs: Blobs) {
    this.store = store;
    this.blobs = blobs;
  }

  deps(store = this.store): SpaceDeps {
    const count = (name: string, by = 1) => this.counted.set(name, (this.counted.get(name) ?? 0) + by);
    const metrics = { count, gauge: () => {}, observe: () => {} };
    const known = (space: string) => ({ tombstoneMs: this.kept.get(space) });
    const settings = { known, load: async (space: string) => known(space) };
    return {
      store,
      clock: this.clock,
      metrics,
      log: this.log,
      settings,
      config: { tombstoneMs: TOMBSTONE_MS },
    } as unknown as SpaceDeps;
  }

  async write(...changes: readonly Change[]): Promise<void> {
    await this.store.transact(
      changes.map(({ key }) => key),
      () => ({ changes, result: undefined }),
    );
  }

  row(life: Life, more: { readonly dead?: boolean } = {}): Change {
    const { space, item, born } = life;
    const head = sampleHead({ kind: 'chronicle', born, v: born + 100, index: LAST, ...more });
    const ops = { at: LAST, first: GROWING, bytes: 100, tail: [] };
    return { key: itemRowKey(space, item), record: encodeRow(space, item, { ...rowOf(head, null, 1), ops }) };
  }

  segment(life: Life, first: number, op = (index: number) => `${index}`): Change {
    const { space, item, born } = life;
    const deltas = Array.from({ length: SIZE }, (_, n) => {
      const i = first + n;
      return { v: born + i, i, op: { add: [op(i)] }, t: 0 };
    });
    const due = segmentDue(archiveShard(space, item), this.clock.now());
    return { key: opsRowKey(space, item, born, first), record: encodeOps(deltas, due) };
  }

  /** An item with archived operations, written just now. */
  async fill(life = LIFE, op?: (index: number) => string): Promise<void> {
    const segments = Array.from({ length: SEGMENTS }, (_, n) => this.segment(life, n * SIZE + 1, op));
    await this.write(this.row(life), ...segments);
  }

  /** The item is deleted. */
  async end(life = LIFE): Promise<void> {
    const { space, item, born } = life;
    const due = `${archiveShard(space, item)}/${coarse(this.clock.now())}`;
    const note = { key: endedRowKey(space, item, born), record: encodeEnded(due) };
    await this.write(this.row(life, { dead: true }), note);
  }

  move(store = this.store, blobs = this.blobs): Promise<number> {
    return moveSegments(this.deps(store), new ArchiveFiles(blobs), AFTER_MS);
  }

  drop(store = this.store, blobs = this.blobs): Promise<void> {
    return dropEndedLives(this.deps(store), this.#places, [new ArchiveFiles(blobs)]);
  }

  restore(store = this.store, blobs = this.blobs, only: { space?: string; item?: string } = {}) {
    const unreadable = (name: string): void => void this.unreadable.push(name);
    return restoreSegments({ store, files: new ArchiveFiles(blobs), clock: this.clock, unreadable }, only);
  }

  /** Each operation, asked for by its index, as a reader without any memory finds it. */
  async operations(life = LIFE, store = this.store, blobs = this.blobs): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let index = 1; index <= LAST; index++) {
      const deltas = await new Segments(store, new ArchiveFiles(blobs)).at(life, GROWING, index);
      found.push((deltas.find(({ i }) => i === index)?.op as { add: string[] } | undefined)?.add[0]);
    }
    return found;
  }

  async stored({ space } = LIFE): Promise<number> {
    return (await this.store.list(space, 'ops', '', 1_000)).length;
  }

  async blobCount(): Promise<number> {
    return (await this.blobs.list('o/', '', 1_000)).length;
  }

  /** Archived so long ago that it may go. */
  async age(): Promise<void> {
    this.clock.advance(AFTER_MS + 20_000);
  }
}

const ALL = Array.from({ length: LAST }, (_, n) => `${n + 1}`);
/** Of one run of what is tried; more would mean that it never ends. */
const MAX_CALLS = 200;

export function archiveContract(setup: ArchiveSetup): void {
  let close = async (): Promise<void> => {};
  const open = async (): Promise<ArchiveWorld> => {
    await close();
    const made = await setup();
    close = made.close;
    return new ArchiveWorld(made.store, made.blobs);
  };
  afterEach(async () => {
    await close();
    close = async () => {};
  });

  /** Tries it with a process that dies at its first, second … call of store or blobs, before or after the call is carried out. */
  async function dieAtEveryCall(
    prepare: (world: ArchiveWorld) => Promise<void>,
    run: (world: ArchiveWorld, store: Store, blobs: Blobs) => Promise<unknown>,
    check: (world: ArchiveWorld) => Promise<void>,
  ): Promise<number> {
    const world = await open();
    let tried = 0;
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; ; at++) {
        assert(at < MAX_CALLS);
        // Each try is an item of its own, so that one store will do.
        await clear(world);
        await prepare(world);
        const life = new Mortal(at, when);
        const died = await run(world, mortal(world.store, life), mortal(world.blobs, life)).then(
          () => life.isDead, // it may pass over what fails by itself
          (error: unknown) => {
            if (!life.isDead) throw error;
            return true;
          },
        );
        await check(world);
        if (!died) break;
        tried++;
      }
    }
    return tried;
  }

  it('[AR1] go to the blobs when they are old, but for the one that may still grow', async () => {
    const world = await open();
    await world.fill();
    assert.deepEqual([await world.move(), await world.stored(), await world.blobCount()], [0, SEGMENTS, 0]);
    await world.age();
    assert.deepEqual([await world.move(), await world.stored(), await world.blobCount()], [SEGMENTS - 1, 1, 5]);
    assert.deepEqual(await world.operations(), ALL);
    assert.equal(await world.move(), 0);
    // What still grew has been looked at again only after as long a time.
    await world.age();
    assert.deepEqual([await world.move(), await world.stored()], [0, 1]);
  });

  it('[AR2] are readable whatever call the mover dies at, and the next sweep ends what it began', async () => {
    const tried = await dieAtEveryCall(
      async (world) => {
        await world.fill();
        await world.age();
      },
      (world, store, blobs) => world.move(store, blobs),
      async (world) => {
        assert.deepEqual(await world.operations(), ALL);
        await world.move();
        assert.deepEqual([await world.stored(), await world.blobCount()], [1, SEGMENTS - 1]);
        assert.deepEqual(await world.operations(), ALL);
      },
    );
    assert(tried >= 30, `${tried}`);
  });

  it('[AR4] of a life that has ended go from both places, whatever call the sweep dies at', async () => {
    const tried = await dieAtEveryCall(
      async (world) => {
        await world.fill();
        await world.age();
        const life = new Mortal(12, 'after'); // half of them are moved
        await world.move(mortal(world.store, life), mortal(world.blobs, life)).catch(() => undefined);
        await world.end();
        world.clock.advance(TOMBSTONE_MS + 20_000);
      },
      (world, store, blobs) => world.drop(store, blobs),
      async (world) => {
        await world.drop();
        assert.deepEqual([await world.stored(), await world.blobCount()], [0, 0]);
      },
    );
    assert(tried >= 10, `${tried}`);
  });

  it('[AR10] of a life that has ended go when they may, however many others that ended before are kept for longer', async () => {
    const world = await open();
    world.kept.set('slow', 100 * AFTER_MS);
    const due = (item: string) => `${archiveShard('slow', item)}/${coarse(world.clock.now())}`;
    const items = Array.from({ length: 400 }, (_, n) => `k${n}`);
    for (let at = 0; at < items.length; at += 20) {
      const note = (item: string) => ({ key: endedRowKey('slow', item, 1), record: encodeEnded(due(item)) });
      await world.write(...items.slice(at, at + 20).map(note));
      if (at === 200) world.clock.advance(20_000);
    }
    world.clock.advance(20_000);
    await world.fill();
    await world.end();
    world.clock.advance(TOMBSTONE_MS + 20_000);
    await world.drop();
    assert.deepEqual([await world.stored(), (await world.store.list('slow', 'ops', '', 1_000)).length], [0, 400]);
    world.clock.advance(100 * AFTER_MS);
    for (let sweep = 0; sweep < 5; sweep++) await world.drop();
    assert.equal((await world.store.list('slow', 'ops', '', 1_000)).length, 0);
  });

  it('[AR5] come back into the store, whatever call the restorer dies at; the blobs stay, and the next move ends there', async () => {
    const tried = await dieAtEveryCall(
      async (world) => {
        await world.fill();
        await world.age();
        await world.move();
      },
      (world, store, blobs) => world.restore(store, blobs),
      async (world) => {
        assert.deepEqual(await world.operations(), ALL);
        const { restored, present, ended } = await world.restore();
        assert.deepEqual([restored + present, ended], [SEGMENTS - 1, 0]);
        assert.deepEqual([await world.stored(), await world.blobCount()], [SEGMENTS, SEGMENTS - 1]);
        assert.deepEqual(await world.operations(), ALL);
        await world.age();
        assert.deepEqual([await world.move(), await world.stored()], [SEGMENTS - 1, 1]);
        assert.deepEqual(await world.operations(), ALL);
      },
    );
    assert(tried >= 10, `${tried}`);
  });

  /** Nothing is left of what was tried before. */
  async function clear(world: ArchiveWorld): Promise<void> {
    const { space, item } = LIFE;
    const ids = await world.store.list(space, 'ops', '', 1_000);
    const keys = [itemRowKey(space, item), ...ids.map((id) => ({ space, kind: 'ops' as const, id }))];
    await world.write(...keys.map((key): Change => ({ key, record: 'delete' })));
    for (const { name } of await world.blobs.list('o/', '', 1_000)) await world.blobs.delete(name);
  }
}
