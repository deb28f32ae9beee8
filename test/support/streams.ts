import type { Page } from '../../src/core/streams/read-stream.ts';
import { readStreamPath, type StreamPlace } from '../../src/core/streams/stream-path.ts';
import type { Append } from '../../src/core/streams/stream-types.ts';
import { Streams } from '../../src/core/streams/streams.ts';
import { troubleOf } from '../../src/core/trouble.ts';
import { Failure } from '../../src/ports/failure.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { parseFrom } from '../../src/protocol/streams.ts';
import { EngineWorld, SPACE } from './engine-fixture.ts';

type Lives = { readonly ttl?: number; readonly expires?: string; readonly durable?: boolean };

/** Streams of text over engines whose clock moves when told. */
export class StreamWorld extends EngineWorld {
  readonly caller = { subject: 'ann' };
  readonly #streams = new Map<number, Streams>();

  streams(on = 0): Streams {
    let streams = this.#streams.get(on);
    if (!streams) {
      const { engine, store } = this.at(on);
      streams = new Streams({
        engine,
        store,
        clock: this.clock,
        random: this.random,
        log: this.at(on).log,
        waitMs: 20_000,
      });
      this.#streams.set(on, streams);
    }
    return streams;
  }

  place(name: string): StreamPlace {
    return readStreamPath(`/v1/stream/${SPACE}/${name}`);
  }

  async create(name: string, body: string, on = 0, { durable = true, ...lives }: Lives = {}) {
    const config = { type: 'text/plain', durable, ...lives };
    const wanted = { config, closed: false, body: () => ({ bytes: Buffer.from(body) }) };
    const { created } = await this.run(this.streams(on).create(this.place(name), wanted, this.caller));
    return { created };
  }

  async fork(name: string, source: string): Promise<void> {
    const wanted = { config: { durable: true }, closed: false, fork: { source: this.place(source), sub: 0 } };
    await this.run(this.streams().create(this.place(name), wanted, this.caller));
  }

  delete(name: string): Promise<void> {
    return this.run(this.streams().delete(this.place(name), this.caller));
  }

  /** The stream is made where it is not there. */
  async append(
    name: string,
    body: string | Buffer | undefined,
    { on = 0, ...more }: Partial<Append> & { on?: number } = {},
  ) {
    const [place, streams] = [this.place(name), this.streams(on)];
    const wanted = { config: { type: 'text/plain', durable: true }, closed: false };
    const found = await this.run(streams.find(place).catch(() => undefined));
    if (!found) await this.run(streams.create(place, wanted, this.caller));
    const bytes = body === undefined ? {} : { body: () => ({ bytes: Buffer.from(body) }) };
    const append = { close: false, ...bytes, ...more };
    const { outcome, log } = await this.run(streams.append(place, append, this.caller));
    const count = 'nextIndex' in outcome ? Number(outcome.nextIndex) - 1 : 0;
    return {
      ...outcome,
      duplicate: 'duplicate' in outcome ? outcome.duplicate : undefined,
      next: streams.offset(log, count),
    };
  }

  async page(name: string, at: number): Promise<Page> {
    const streams = this.streams();
    const log = await this.run(streams.find(this.place(name)));
    return this.run(streams.read(log, { at }));
  }

  /** All that follows an offset. */
  async read(name: string, offset = '-1', on = 0): Promise<{ text: string; next: string }> {
    const streams = this.streams(on);
    let text = '';
    for (let next = offset; ; ) {
      const log = await this.run(streams.find(this.place(name)));
      const page = await this.run(streams.read(log, parseFrom(next)));
      next = streams.offset(log, page.next);
      if (page.messages.length === 0) return { text, next };
      for (const message of page.messages) text += 'bytes' in message ? message.bytes.toString() : '';
    }
  }
}

/** Code of the problem that a call ends with. */
export async function problemOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const code = error instanceof ProblemError ? error.problem.code : troubleOf(error)?.code;
    if (code === undefined) throw error;
    return code;
  }
}

/** Instance 0 cannot store what has such an id. */
export function failWrites(world: EngineWorld, ids: RegExp | undefined): void {
  world.at(0).store.before = (keys) => {
    if (keys.some(({ kind, id }) => kind !== 'expiry' && ids?.test(id)))
      throw new Failure('storeUnavailable', 'not this one');
  };
}

/** Ids of the records with large messages. */
export async function storedParts(world: EngineWorld): Promise<string[]> {
  const ids = await world.at(0).store.list(SPACE, 'ops', '', 1_000);
  return ids.filter((id) => id.includes('#part-'));
}
