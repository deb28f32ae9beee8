import assert from 'node:assert/strict';
import { Failure } from '../../../src/ports/failure.ts';
import type { ClientId, ItemId } from '../../../src/protocol/ids.ts';
import type { DrawOp } from '../../../src/raster/ops.ts';
import { readRaw } from '../../doubles/raw-painter.ts';
import { Seeded } from '../../simulation/seeded.ts';
import { SPACE } from '../../support/engine-fixture.ts';
import { readOps } from '../../support/history.ts';
import { GRACE, LEASE } from '../../support/people.ts';
import { hashOf, KIND, PictureWorld, replayed, SIZE, stroke } from '../../support/pictures.ts';

const CALLER = { subject: 'anonymous' };
const PICTURE = 'p' as ItemId;
const RUNS = Number(process.env.LONGSHORE_PICTURE_RUNS ?? 12);
const FIRST = Number(process.env.LONGSHORE_PICTURE_SEED ?? 1);

type Sent = { readonly index: number; readonly lineage: string; readonly pixels: string };

/** Two instances at a time; people come, draw, look and leave while instances die, records are lost and blobs are slow, late or away, all at once. */
class Run {
  readonly pictures = new PictureWorld(2);
  readonly world = this.pictures.world;
  readonly random: Seeded;
  readonly sent: Sent[] = [];
  /** Instances that run. */
  #alive = [0, 1];
  #drawn = 0;
  #here = false;

  constructor(seed: number) {
    this.random = new Seeded(seed);
    this.pictures.blobs.onChange = () => this.#late(8_000);
    const { pool } = this.pictures;
    const run = pool.run.bind(pool);
    pool.run = async (...asked) => {
      await this.#late(1_500);
      return run(...asked);
    };
  }

  async play(steps: number): Promise<void> {
    await this.world.ok(PICTURE, { create: SIZE }, KIND);
    for (let step = 0; step < steps; step++) {
      this.#act();
      await this.world.pass(this.random.int(this.random.int(5) === 0 ? 40_000 : 3_000), 100);
    }
    this.pictures.blobs.failure = undefined;
    if (!this.#here) this.#comeOrGo();
    await this.world.pass(5_000, 100);
    this.#comeOrGo();
    await this.world.pass(3 * (LEASE + GRACE + 30_000), 500);
  }

  #act(): void {
    const { engine } = this.world.at(this.on);
    switch (this.random.int(10)) {
      case 0:
        this.#comeOrGo();
        return;
      case 1:
        this.#go(this.world.evict([/^a\//, /^g\/board\/./, /^i\//][this.random.int(3)] ?? /^a\//));
        return;
      case 2: {
        const { blobs } = this.pictures;
        blobs.failure = blobs.failure ? undefined : new Failure('blobsUnavailable', 'away');
        return;
      }
      case 3:
        this.#crash();
        return;
      case 4:
      case 5:
        this.#go(engine.pictures.file(SPACE, PICTURE).then((file) => this.#saw(file)));
        return;
      default: {
        const ops = Array.from({ length: 1 + this.random.int(40) }, () => stroke(this.#drawn++));
        this.#go(engine.postUpdate(SPACE, { updates: [{ item: PICTURE, op: { ops } }] }, CALLER));
      }
    }
  }

  get alive(): readonly number[] {
    return this.#alive;
  }

  get on(): number {
    return this.#alive[this.random.int(2)] ?? 0;
  }

  /** An instance dies, and what it had not stored is lost with the cache. */
  #crash(): void {
    const [dead = 0, other = 0] = this.random.int(2) ? this.#alive : this.#alive.toReversed();
    this.world.at(dead).kill();
    this.world.start();
    this.#alive = [other, this.world.instances.length - 1];
    this.#go(this.world.evict(/^i\//));
  }

  /** Some fail, as blobs are away. */
  #go(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }

  #comeOrGo(): void {
    const { clients } = this.world.at(this.on).engine;
    this.#go(
      this.#here
        ? clients.leave(SPACE, 'ann' as ClientId, undefined, CALLER)
        : clients.join(SPACE, { clientId: 'ann' }, CALLER),
    );
    this.#here = !this.#here;
  }

  #saw(file: { readonly png: Uint8Array } | undefined): void {
    if (!file) return;
    const { index, lineage, rgba } = readRaw(file.png);
    this.sent.push({ index, lineage, pixels: hashOf(rgba) });
  }

  /** Everything that is in the picture in the end, and its lineage. */
  async ops(): Promise<{ readonly ops: readonly DrawOp[]; readonly lineage: string }> {
    const all: unknown[] = [];
    for (let index = 1; ; ) {
      const { ops, nextIndex, upToDate, lineage } = await readOps(this.world, PICTURE, { index }, this.on);
      all.push(...ops.map(({ op }) => op));
      index = nextIndex;
      if (upToDate) return { ops: all.slice(1) as DrawOp[], lineage };
    }
  }

  #late(ms: number): Promise<void> {
    return this.world.clock.sleep(this.random.int(ms));
  }
}

describe('pictures, at random', function () {
  this.timeout(120_000);

  for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
    it(`[PIC67] whatever happens, every picture is that of its operations, and in the end all are stored (seed ${seed})`, async () => {
      const run = new Run(seed);
      await run.play(40);
      const { ops, lineage } = await run.ops();
      const { pictures, world } = run;
      for (const sent of run.sent.filter((one) => one.lineage === lineage))
        assert.equal(sent.pixels, replayed(ops.slice(0, sent.index - 1)), `sent with ${sent.index}`);
      const stored = await pictures.stored(run.on);
      for (const { version, index } of stored) {
        const { pixels } = await world.run(picture(run, version));
        assert.equal(pixels, replayed(ops.slice(0, index - 1)), `stored with ${index}`);
      }
      assert.equal(stored.at(-1)?.index, ops.length + 1, 'the last one is stored');
      for (const on of run.alive) assert.equal((await world.run(pictures.picture(on))).pixels, replayed(ops));
    });
  }
});

function picture({ pictures, on }: Run, version: number): Promise<{ readonly pixels: string }> {
  return pictures.picture(on, version);
}
