import type { BlobInfo, BlobName, Blobs, ListedBlob } from '../../src/ports/blobs.ts';
import { Failure } from '../../src/ports/failure.ts';
import type { BlobFaults } from './faults.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';
import { BEGIN_MS } from './sim-clock.ts';

type Held = { readonly info: BlobInfo; readonly bytes: Buffer; readonly writtenAt: number };
type PutOptions = { readonly contentType: string; readonly ifGeneration?: string };

/** The one place behind all instances where blobs are. */
export class BlobWorld {
  readonly scheduler: Scheduler;
  readonly random: Seeded;
  readonly held = new Map<BlobName, Held>();
  faults: BlobFaults;
  downUntil = 0;
  /** Is told of every blob that is written, and of the one before. */
  written: (name: BlobName, before: Buffer | undefined, bytes: Buffer) => void = () => {};
  removed: (name: BlobName) => void = () => {};
  /** Is told who asked for what was just carried out. */
  carriedOut: (process: SimProcess, label: string) => void = () => {};
  #generation = 0;

  constructor(scheduler: Scheduler, random: Seeded, faults: BlobFaults) {
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
  }

  put(name: BlobName, bytes: Buffer, { contentType, ifGeneration }: PutOptions): BlobInfo {
    const before = this.held.get(name);
    this.#require(name, ifGeneration);
    const info = { name, size: bytes.length, contentType, generation: String(++this.#generation) };
    this.held.set(name, { info, bytes, writtenAt: BEGIN_MS + this.scheduler.now });
    this.written(name, before?.bytes, bytes);
    return info;
  }

  delete(name: BlobName, ifGeneration: string | undefined): boolean {
    if (!this.held.has(name)) return false;
    this.#require(name, ifGeneration);
    this.removed(name);
    return this.held.delete(name);
  }

  #require(name: BlobName, ifGeneration: string | undefined): void {
    if (ifGeneration === undefined || (this.held.get(name)?.info.generation ?? 'absent') === ifGeneration) return;
    throw new Failure('preconditionFailed', `blob ${name} is not at the generation asked for`);
  }
}

/** The blobs as one instance sees them: slow, refusing, or silent about what was carried out, and when. */
export class SimBlobs implements Blobs {
  readonly #world: BlobWorld;
  readonly #process: SimProcess;

  constructor(world: BlobWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  put(name: BlobName, bytes: Uint8Array, options: PutOptions): Promise<BlobInfo> {
    const copy = Buffer.from(bytes);
    return this.#ask(`blob put ${name}`, () => this.#world.put(name, copy, options));
  }

  get(name: BlobName): Promise<Held | undefined> {
    return this.#ask(`blob get ${name}`, () => this.#world.held.get(name));
  }

  info(name: BlobName): Promise<BlobInfo | undefined> {
    return this.#ask(`blob info ${name}`, () => this.#world.held.get(name)?.info);
  }

  delete(name: BlobName, options: { readonly ifGeneration?: string } = {}): Promise<boolean> {
    return this.#ask(`blob delete ${name}`, () => this.#world.delete(name, options.ifGeneration));
  }

  list(prefix: string, after: BlobName, limit: number): Promise<ListedBlob[]> {
    return this.#ask(`blob list ${prefix}`, () => {
      const names = [...this.#world.held.keys()].filter((name) => name.startsWith(prefix) && name > after);
      const found = names.sort().slice(0, limit);
      return found.flatMap((name) => {
        const held = this.#world.held.get(name);
        return held ? { ...held.info, writtenAt: held.writtenAt } : [];
      });
    });
  }

  ping(): Promise<void> {
    return this.#ask('blob ping', () => undefined);
  }

  async close(): Promise<void> {}

  #ask<T>(label: string, carryOut: () => T): Promise<T> {
    const { scheduler, random, faults } = this.#world;
    const process = this.#process;
    const delay = () => random.int(faults.latencyMs) + (random.chance(faults.slow) ? random.int(faults.slowMs) : 0);
    const unclear = random.chance(faults.unclear);
    return new Promise<T>((resolve, reject) => {
      const answer = (text: string, settle: () => void) =>
        scheduler.schedule(delay(), `${label}: ${text}`, settle, { process });
      const fail = (why: string) => answer(why, () => reject(new Failure('blobsUnavailable', why)));
      if (random.chance(faults.refused)) return void fail('refused');
      // Who asked has given up by then, and what it asked for arrives all the same.
      if (unclear) fail('no answer');
      const arrive = () => {
        if (this.#world.downUntil > scheduler.now) return void fail('down');
        try {
          const value = carryOut();
          this.#world.carriedOut(process, label);
          if (!unclear) answer('answered', () => resolve(value));
        } catch (error) {
          if (!unclear) answer('failed', () => reject(error));
        }
      };
      scheduler.schedule(delay() + (unclear ? random.int(faults.lateMs) : 0), label, arrive, { sender: process });
    });
  }
}
