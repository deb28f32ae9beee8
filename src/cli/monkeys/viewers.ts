import type { Json } from '../../base/json.ts';
import { follow } from '../../client/follow.ts';
import type { HttpClient, ItemAnswer } from '../../client/http-client.ts';
import { connectAs } from './library-hands.ts';
import type { Run } from './monkey.ts';
import { restAfter } from './retry.ts';
import { type Contents, differenceOf, Eyes, type Final, type Seat, type Viewer } from './sight.ts';
import type { Deed } from './work.ts';

/** Follows by marker, through GetUpdates. */
export class MarkerViewer implements Viewer {
  readonly name: string;
  readonly item: string;
  readonly faults: string[] = [];
  readonly #run: Run;
  readonly #client: HttpClient;
  readonly #eyes: Eyes;
  readonly #contents: Contents;
  #held: { readonly version: number; readonly state: unknown } | undefined;

  constructor(run: Run, seat: Seat, contents: Contents) {
    this.name = `viewer ${seat.nth} (by marker)`;
    this.item = seat.item;
    this.#run = run;
    this.#client = seat.client;
    this.#eyes = new Eyes(run, seat, this.faults);
    this.#contents = contents;
  }

  get hasBegun(): boolean {
    return this.#held !== undefined;
  }

  async look(signal: AbortSignal): Promise<void> {
    try {
      for await (const { items } of follow(this.#client, this.#run.space, { ids: [this.item], signal })) {
        for (const answer of items) await this.#take(answer, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.faults.push(`it has ended: ${error}`);
    }
  }

  hasReached({ version }: Final): boolean {
    return (this.#held?.version ?? 0) >= version;
  }

  isAhead({ version }: Final): boolean {
    return (this.#held?.version ?? 0) > version;
  }

  differs(final: Final): string | undefined {
    return differenceOf(this.#value(), this.#held?.version ?? 0, final);
  }

  #value(): Json | undefined {
    return this.#held && this.#run.work.client.kind.value(this.#held.state);
  }

  async #take(answer: ItemAnswer, signal: AbortSignal): Promise<void> {
    const { client: kind, deedsOf } = this.#run.work;
    if ('deltas' in answer && this.#held && answer.from <= this.#held.version) {
      let { version, state } = this.#held;
      for (const delta of answer.deltas) {
        if (delta.version <= version) continue;
        version = delta.version;
        state = kind.kind.replay(state, delta.op as Json);
        this.#eyes.seeDeeds(deedsOf(delta.op as Json));
      }
      this.#hold(version, state);
    } else if ('value' in answer) {
      this.#hold(answer.version, kind.open(answer.value as Json));
      this.#eyes.seeValue(answer.value as Json);
    } else if ('deltas' in answer) {
      const found = await this.#client.getItem(this.#run.space, this.item, signal);
      if (found && found.version >= answer.version) this.#hold(found.version, kind.open(found.value as Json));
    } else this.#held = undefined;
  }

  #hold(version: number, state: unknown): void {
    this.#held = { version, state };
    if (this.#contents.agrees(this.item, version, this.#value() as Json)) return;
    this.faults.push(`version ${version} was something else for another viewer`);
  }
}

/** Follows by offset: `GET …/ops`, from the first operation on. */
export class OffsetViewer implements Viewer {
  readonly name: string;
  readonly item: string;
  readonly faults: string[] = [];
  readonly #run: Run;
  readonly #client: HttpClient;
  readonly #eyes: Eyes;
  #deeds: Deed[] = [];
  #lineage: string | undefined;

  constructor(run: Run, seat: Seat) {
    this.name = `viewer ${seat.nth} (by offset)`;
    this.item = seat.item;
    this.#run = run;
    this.#client = seat.client;
    this.#eyes = new Eyes(run, seat, this.faults);
  }

  get hasBegun(): boolean {
    return this.#lineage !== undefined;
  }

  async look(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#next(signal);
        failures = 0;
      } catch (error) {
        try {
          await restAfter(this.#client, failures++, error, signal);
        } catch {
          if (!signal.aborted) this.faults.push(`it has ended: ${error}`);
          return;
        }
      }
    }
  }

  hasReached({ deeds = [] }: Final): boolean {
    return this.#deeds.length >= deeds.length;
  }

  isAhead({ deeds = [] }: Final): boolean {
    return this.#deeds.length > deeds.length;
  }

  differs({ deeds = [] }: Final): string | undefined {
    const at = this.#deeds.findIndex((deed, i) => deed !== deeds[i]);
    if (at < 0 && this.#deeds.length === deeds.length) return undefined;
    if (at < 0) return `it has ${this.#deeds.length} operations, and the server ${deeds.length}`;
    return `operation ${at + 1} is ${this.#deeds[at]}, and at the server ${deeds[at]}`;
  }

  /** There may be nothing yet: the first time it does not wait. */
  async #next(signal: AbortSignal): Promise<void> {
    const lineage = this.#lineage;
    const query = { index: this.#deeds.length + 1, ...(lineage === undefined ? { wait: 0 } : { lineage }) };
    const answer = await this.#client.getOps(this.#run.space, this.item, query, signal);
    if (answer.replaced !== undefined) this.#deeds = this.#deeds.slice(0, answer.replaced - 1);
    for (const { index, op } of answer.ops) {
      if (index !== this.#deeds.length + 1) this.faults.push(`operation ${index} came after ${this.#deeds.length}`);
      const deeds = this.#run.work.deedsOf(op as Json);
      this.#deeds.push(deeds.join(' '));
      this.#eyes.seeDeeds(deeds);
    }
    this.#lineage = answer.lineage;
  }
}

/** Follows with the client library, over whatever transport gets through. */
export class LibraryViewer implements Viewer {
  readonly name: string;
  readonly item: string;
  readonly faults: string[] = [];
  readonly #run: Run;
  readonly #seat: Seat;
  readonly #eyes: Eyes;
  #held: { readonly version: number; readonly value: Json | undefined } | undefined;

  constructor(run: Run, seat: Seat) {
    this.name = `viewer ${seat.nth} (client library)`;
    this.item = seat.item;
    this.#run = run;
    this.#seat = seat;
    this.#eyes = new Eyes(run, seat, this.faults);
  }

  get hasBegun(): boolean {
    return this.#held !== undefined;
  }

  async look(signal: AbortSignal): Promise<void> {
    const space = connectAs(this.#run, this.#seat, 'viewer');
    const item = space.item(this.item);
    item.on('news', () => {
      this.#held = { version: item.version, value: item.confirmed };
      if (this.#held.value !== undefined) this.#eyes.seeValue(this.#held.value);
    });
    space.on('error', () => {
      if (space.failure !== undefined) this.faults.push(`it has ended: ${space.failure}`);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (!signal.aborted) await promise;
    space.close();
  }

  hasReached({ version }: Final): boolean {
    return (this.#held?.version ?? 0) >= version;
  }

  isAhead({ version }: Final): boolean {
    return (this.#held?.version ?? 0) > version;
  }

  differs(final: Final): string | undefined {
    return differenceOf(this.#held?.value, this.#held?.version ?? 0, final);
  }
}
