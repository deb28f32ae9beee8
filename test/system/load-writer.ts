import { setTimeout as sleep } from 'node:timers/promises';
import type { PostUpdateRequest, PostUpdateResponse, Update, UpdateResult } from '../../src/protocol/post-update.ts';
import { spotOf, type Write } from '../simulation/history.ts';
import { post, type Reply } from './calls.ts';
import type { Load } from './load.ts';
import { LoadReader } from './load-reader.ts';

type Mode = 'plain' | 'durable' | 'release' | 'conditional';

/** The longest that one request may stay unanswered for good, with all its repeats, ms. */
const STUCK_MS = 30_000;
const MAX_PAUSE_MS = 250;
/** Between two requests: a server that starts meanwhile gets its share of the machine, and a run that takes long does not grow without end. */
const MAX_REST_MS = 10;

/** A client that numbers its requests, has one in flight, and repeats each on any server until it is settled. */
export class LoadWriter {
  readonly #load: Load;
  readonly #name: string;
  readonly #reader: LoadReader;
  readonly #versions = new Map<string, number>();
  /** Of what it posted itself; a conflict may show a version that is not acknowledged yet. */
  readonly #posted = new Map<string, number>();
  #seq = 0;

  constructor(name: string, load: Load) {
    this.#load = load;
    this.#name = name;
    this.#reader = new LoadReader(`${name}'s reader`, load);
  }

  async live(): Promise<void> {
    const load = this.#load;
    while (!load.finishing && !load.stopped) {
      await this.#post();
      await sleep(load.random.fraction() * MAX_REST_MS);
      if (load.random.chance(0.1)) await this.#readOwnWrites();
    }
  }

  async #post(): Promise<void> {
    const load = this.#load;
    const seq = ++this.#seq;
    const writes: Write[] = [];
    const updates = this.#chooseItems().map((item, place) => this.#update(seq, place, item, writes));
    const request: PostUpdateRequest = { clientId: this.#name, seq, updates };
    for (const write of writes) load.history.wrote(write);
    const end = performance.now() + STUCK_MS;
    while (performance.now() < end && !load.stopped) {
      for (const write of writes) write.sent++;
      const server = load.anyServer();
      load.posting(server);
      const reply = await post(server, load.space, request);
      if (reply?.status === 200 && this.#settle(writes, reply.body)) return;
      await this.#pause(reply);
    }
    if (!load.stopped) load.history.found('C11 stuck', `${this.#name}.${seq} was not settled in ${STUCK_MS} ms`);
  }

  async #pause(reply: Reply<unknown> | undefined): Promise<void> {
    const { history, random } = this.#load;
    if (reply === undefined) history.count('posts without answer');
    else if (reply.status !== 200) {
      history.count('posts refused');
      if (reply.status !== 503 || reply.headers.get('Retry-After') === null) {
        history.found('answer', `a post was answered ${reply.status} ${JSON.stringify(reply.body)}`);
      }
    }
    // Less than a server asks for: these clients are in a hurry.
    await sleep(random.fraction() * MAX_PAUSE_MS);
  }

  #settle(writes: readonly Write[], response: PostUpdateResponse): boolean {
    let settled = true;
    for (const [place, write] of writes.entries()) {
      const result = response.results[place];
      if (!result || !this.#settleOne(write, result)) settled = false;
    }
    return settled;
  }

  #settleOne(write: Write, result: UpdateResult): boolean {
    const { history } = this.#load;
    if (result.result === 'retry') return false;
    write.endedAt = performance.now();
    if (result.result === 'ok') {
      if (write.outcome === 'ok' && write.version !== result.version && history.losses.length === 0) {
        history.found('answer', `${write.op} was answered v${write.version}, then v${result.version}`);
      }
      Object.assign(write, { outcome: 'ok', version: result.version });
      write.stored = result.durableVersion >= result.version;
      this.#posted.set(result.item, Math.max(result.version, this.#posted.get(result.item) ?? 0));
      this.#versions.set(result.item, Math.max(result.version, this.#versions.get(result.item) ?? 0));
      if (write.durable && !write.stored)
        history.found('answer', `${write.op}: ${JSON.stringify(result)} is not durable`);
      this.#load.acked();
    } else if (result.result === 'conflict' && write.ifVersion !== undefined && write.outcome !== 'ok') {
      write.outcome = 'fail';
      this.#versions.set(result.item, result.version);
    } else if (history.losses.length === 0) {
      history.found('answer', `${write.op} on ${write.item}: ${JSON.stringify(result)}`);
    } else history.count('forgotten'); // it was settled before its item went back
    return true;
  }

  #chooseItems(): string[] {
    const { random, items } = this.#load;
    const chosen = new Set<string>([random.pick(items)]);
    if (random.chance(0.15)) chosen.add(random.pick(items));
    return [...chosen];
  }

  #update(seq: number, place: number, item: string, writes: Write[]): Update {
    const op = `${this.#name}.${seq}.${place}`;
    const { random } = this.#load;
    const mode = random.weighted<Mode>({
      plain: 0.7,
      durable: 0.08,
      release: 0.12,
      conditional: this.#versions.has(item) ? 0.1 : 0,
    });
    const ifVersion = mode === 'conditional' ? this.#versions.get(item) : undefined;
    writes.push({
      op,
      item: spotOf(this.#load.space, item),
      client: this.#name,
      seq,
      deletes: false,
      durable: mode === 'durable' || mode === 'release',
      ...(ifVersion === undefined ? {} : { ifVersion }),
      invokedAt: performance.now(),
      outcome: 'info',
      endedAt: Number.POSITIVE_INFINITY,
      version: 0,
      stored: false,
      sent: 0,
    });
    return {
      item,
      op: { merge: { [op]: 1 } },
      ...(ifVersion === undefined ? {} : { ifVersion }),
      ...(mode === 'durable' ? { durable: true } : {}),
      ...(mode === 'release' ? { release: true } : {}),
    };
  }

  async #readOwnWrites(): Promise<void> {
    const losses = this.#load.history.losses.length;
    const known = new Map(this.#posted);
    const answer = await this.#reader.poll(0);
    if (!answer?.upToDate || this.#reader.model.wanted.size > 0 || losses !== this.#load.history.losses.length) return;
    for (const [item, version] of known) {
      const held = this.#reader.model.held.get(item)?.version ?? 0;
      if (held < version) {
        this.#load.history.found('C5 own write unread', `${this.#name} posted ${item} v${version}, read v${held}`);
      }
    }
  }
}
