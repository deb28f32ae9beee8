import { ProblemError } from '../../src/protocol/errors.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import type { PostUpdateRequest, PostUpdateResponse, Update, UpdateResult } from '../../src/protocol/post-update.ts';
import { spotOf, type Write } from './history.ts';
import { kindOf } from './items.ts';
import { SimReader } from './reader.ts';
import { Restorer } from './restorer.ts';
import { CALLER, type World } from './world.ts';

const MAX_TRIES = 14;
/** So that a register with every operation of a run in it is not too large. */
const MAX_REGISTER_PAD = 300;

type Mode = 'plain' | 'durable' | 'release' | 'delete' | 'conditional';

/** A client that posts one request after the other and repeats each, on any instance, until it is settled. */
export class SimWriter {
  readonly #world: World;
  readonly #name: string;
  readonly #space: SpaceId;
  readonly #reader: SimReader;
  readonly #restorer: Restorer;
  /** The newest version this client knows of an item. */
  readonly #versions = new Map<string, number>();
  /** Of what it posted itself. A conflict may show a version that nobody was told to be accepted yet; no reader need have that one. */
  readonly #posted = new Map<string, number>();
  #clientId: string;
  #seq = 0;

  constructor(name: string, world: World, space: SpaceId) {
    this.#world = world;
    this.#space = space;
    this.#name = name;
    this.#clientId = name;
    this.#reader = new SimReader(`${name}'s reader`, world, space, true);
    this.#restorer = new Restorer(world, space, name, {
      next: () => ({ clientId: this.#clientId, seq: ++this.#seq }),
      givenUp: () => this.#beginAnew(),
    });
  }

  async live(): Promise<void> {
    const { random, config } = this.#world;
    for (let n = 0; n < config.work.requests; n++) {
      const count = random.chance(config.work.batches) ? 2 + random.int(2) : 1;
      const settled = await this.post(this.#choose(count), MAX_TRIES);
      if (settled && random.chance(0.25)) await this.#readOwnWrites();
      await this.#restorer.restoreLost(this.#reader.model.chains);
      await this.#world.pauseBetweenRequests();
    }
  }

  /** One update of one item, as an onlooker of the quiet end makes it. `true`: it was accepted. */
  async probe(item: string, tries: number): Promise<boolean> {
    const [write] = await this.#attempt([{ item, mode: 'plain' }], tries);
    return write?.outcome === 'ok';
  }

  async post(wishes: readonly { item: string; mode: Mode }[], tries: number): Promise<boolean> {
    const writes = await this.#attempt(wishes, tries);
    return writes.every(({ outcome }) => outcome !== 'info');
  }

  async #attempt(wishes: readonly { item: string; mode: Mode }[], tries: number): Promise<Write[]> {
    const { history, random, config } = this.#world;
    const seq = ++this.#seq;
    const updates = wishes.map(({ item, mode }, place) => this.#update(place, item, mode, seq));
    const request: PostUpdateRequest = { clientId: this.#clientId, seq, updates: updates.map(({ update }) => update) };
    const writes = updates.map(({ write }) => write);
    for (const write of writes) history.wrote(write);
    for (let turn = 0; turn < tries; turn++) {
      for (const write of writes) write.sent++;
      const response = await this.#send(request);
      if (response && this.#settle(writes, response)) return writes;
      await this.#world.scheduler.sleep(random.int(random.chance(0.3) ? config.work.repeatMs : 150), 'before a repeat');
    }
    history.count('given up');
    this.#beginAnew();
    return writes;
  }

  /** An unsettled seq must not be followed by the next one. */
  #beginAnew(): void {
    this.#clientId = `${this.#name}-${this.#world.random.int(1_000_000)}`;
    this.#seq = 0;
  }

  async #send(request: PostUpdateRequest): Promise<PostUpdateResponse | undefined> {
    const instance = this.#world.fleet.any();
    const names = request.updates.map(({ item }) => item).join(' ');
    const reply = await this.#world.fleet.call(instance, {
      label: `post ${request.clientId}.${request.seq} ${names}`,
      patienceMs: 12_000,
      send: (engine) => engine.postUpdate(this.#space, request, CALLER),
    });
    if (reply.kind === 'answered') return reply.value;
    if (reply.kind === 'failed') {
      const { error } = reply;
      const allowed = error instanceof ProblemError && error.problem.status === 503;
      if (!allowed) this.#world.history.found('answer', `a post failed with ${String(error)}`);
      this.#world.history.count('posts refused');
    }
    return undefined;
  }

  /** `true` when every update has a final answer. */
  #settle(writes: readonly Write[], response: PostUpdateResponse): boolean {
    if (response.results.length !== writes.length) {
      this.#world.history.found('answer', `${response.results.length} results for ${writes.length} updates`);
    }
    let settled = true;
    writes.forEach((write, place) => {
      const result = response.results[place];
      if (result && !this.#settleOne(write, result)) settled = false;
    });
    return settled;
  }

  /**
   * A request that is sent again because of one of its updates brings answers for all of them. What was accepted stays accepted; what was refused, or changed
   * nothing, is judged anew.
   */
  #settleOne(write: Write, result: UpdateResult): boolean {
    const { history, scheduler } = this.#world;
    scheduler.note(`${write.op} on ${write.item}: ${JSON.stringify(result)}`);
    if (result.result === 'retry') return false;
    write.endedAt = scheduler.now;
    if (result.result === 'ok') this.#accepted(write, result);
    else if (result.result === 'conflict' && write.ifVersion !== undefined && write.outcome !== 'ok') {
      write.outcome = 'fail';
      this.#versions.set(result.item, result.version);
      history.count('conflicts');
      // What was asked before may have been done: the server no longer knows.
    } else if (result.result === 'locked' && this.#world.config.work.lockers > 0) {
      if (write.outcome !== 'ok' && write.sent === 1) write.outcome = 'fail';
      history.count('locked');
    } else if (result.result === 'invalid' && result.code === 'seqTooOld') history.count('seqTooOld');
    else if (result.result === 'conflict' && this.#mayBeForgotten()) history.count('conflicts');
    else
      history.found('answer', `${write.op} on ${write.item}, ${write.outcome}, was answered ${JSON.stringify(result)}`);
    return true;
  }

  /** What was accepted may be gone, with the memory of it, by a rollback or with a pruned tombstone: its repeat is an update like any other. */
  #mayBeForgotten(): boolean {
    const { counters, losses } = this.#world.history;
    return losses.length > 0 || counters.has('rollbacks') || counters.has('pruned');
  }

  #accepted(write: Write, result: Extract<UpdateResult, { result: 'ok' }>): void {
    const { history } = this.#world;
    if (write.outcome === 'ok' && write.version !== result.version && !write.deletes && !this.#mayBeForgotten()) {
      history.found('answer', `${write.op} was answered v${write.version}, then v${result.version}`);
    }
    write.outcome = 'ok';
    write.version = result.version;
    write.stored = result.durableVersion >= result.version;
    this.#versions.set(result.item, Math.max(result.version, this.#versions.get(result.item) ?? 0));
    this.#posted.set(result.item, Math.max(result.version, this.#posted.get(result.item) ?? 0));
    history.count('acked');
    if (write.durable && !write.stored) {
      history.found(
        'answer',
        `${write.op} is durable, yet was answered ${result.version} and ${result.durableVersion} stored`,
      );
    }
  }

  #choose(count: number): { item: string; mode: Mode }[] {
    const { random, config } = this.#world;
    const { deletes, durables, releases, conditionals } = config.work;
    const items = new Set<string>();
    const used = config.work.items;
    while (items.size < Math.min(count, used.length)) items.add(random.pick(used));
    return [...items].map((item) => ({
      item,
      mode: random.weighted<Mode>({
        delete: deletes,
        durable: durables,
        release: releases,
        conditional: this.#versions.has(item) ? conditionals : 0,
        plain: 1 - deletes - durables - releases - conditionals,
      }),
    }));
  }

  #update(place: number, item: string, mode: Mode, seq: number): { readonly update: Update; readonly write: Write } {
    const { scheduler } = this.#world;
    const op = `${this.#space}.${this.#clientId}.${seq}.${place}`;
    const kind = kindOf(item);
    const ifVersion = mode === 'conditional' ? (this.#versions.get(item) ?? 0) : undefined;
    const update: Update = {
      item,
      kind,
      op: mode === 'delete' ? { delete: true } : this.#change(op, kind),
      ...(ifVersion === undefined ? {} : { ifVersion }),
      ...(mode === 'durable' ? { durable: true } : {}),
      ...(mode === 'release' ? { release: true } : {}),
    };
    const write: Write = {
      op,
      item: spotOf(this.#space, item),
      client: this.#clientId,
      seq,
      deletes: mode === 'delete',
      durable: mode === 'durable' || mode === 'release' || mode === 'delete',
      invokedAt: scheduler.now,
      ...(ifVersion === undefined ? {} : { ifVersion }),
      outcome: 'info',
      endedAt: Number.POSITIVE_INFINITY,
      version: 0,
      stored: false,
      sent: 0,
    };
    return { update, write };
  }

  #change(op: string, kind: ReturnType<typeof kindOf>) {
    const { padBytes } = this.#world;
    if (kind === 'picture') return this.#world.drawing.op(op, this.#seq % 4 === 0);
    if (kind === 'register') return { merge: { [op]: 'x'.repeat(Math.min(padBytes, MAX_REGISTER_PAD)) } };
    const text = `${op}~${'x'.repeat(padBytes)}`;
    return { add: kind === 'chronicle' && this.#seq % 4 === 0 ? [text, `${op}.more~`] : text };
  }

  async #readOwnWrites(): Promise<void> {
    const known = new Map(this.#posted);
    const answer = await this.#reader.poll(this.#world.fleet.any(), 0);
    if (!answer?.upToDate || this.#reader.model.wanted.size > 0) return;
    for (const [item, version] of known) {
      const held = this.#reader.model.held.get(item);
      if (held && held.version < version) {
        this.#world.history.found(
          'C5 own write unread',
          `${this.#name} posted ${item} v${version}, read v${held.version}`,
        );
      }
    }
  }
}
