import type { Engine } from '../../src/core/engine-types.ts';
import { isFailure } from '../../src/ports/failure.ts';
import { joinResponseSchema } from '../../src/protocol/clients.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import type { ClientId, ItemId, SpaceId } from '../../src/protocol/ids.ts';
import type { Update, UpdateResult } from '../../src/protocol/post-update.ts';
import type { Reply } from './fleet.ts';
import { spotOf, type Write } from './history.ts';
import { kindOf } from './items.ts';
import type { World } from './world.ts';

const CALLER = { subject: 'somebody' };
const MAX_TRIES = 10;

/**
 * A client that holds items: grabs, writes with its fence, sleeps beyond its lease at times, writes late, releases or forgets. It takes every answer for what it is, and goes on
 * with an old fence as if it had noticed nothing.
 */
export class SimLocker {
  readonly #world: World;
  readonly #name: string;
  readonly #space: SpaceId;
  #clientId: string;
  #seq = 0;
  /** Of its last join; `undefined`: as far as it knows it is not here. */
  #generation: number | undefined;
  #present = true;
  #silentUntil = 0;

  constructor(name: string, world: World, space: SpaceId) {
    this.#world = world;
    this.#space = space;
    this.#name = name;
    this.#clientId = name;
  }

  async live(): Promise<void> {
    const { random, config } = this.#world;
    const stay = config.work.joins ? this.#stay() : undefined;
    for (let n = 0; n < config.work.requests; n++) {
      await this.#fallSilent();
      const item = random.pick(config.work.items);
      const fence = random.chance(0.5)
        ? await this.#lock(item, random.chance(0.25))
        : await this.#post(item, { grab: true });
      if (fence !== undefined) await this.#hold(item, fence);
      await this.#world.pauseBetweenRequests();
    }
    this.#present = false;
    await stay;
  }

  /** Joins, and polls for as long as it is not silent; joins anew when it is told that it is not here. */
  async #stay(): Promise<void> {
    const { scheduler, random } = this.#world;
    while (this.#present) {
      if (this.#silentUntil > scheduler.now) await scheduler.sleep(500, 'a client is silent');
      else if (this.#generation === undefined) await this.#join();
      else await this.#poll();
      await scheduler.sleep(random.int(1_500), 'a client waits to poll');
    }
  }

  async #join(): Promise<void> {
    const clientId = this.#clientId as ClientId;
    const reply = await this.#call(`join ${clientId}`, (engine) =>
      (engine as Engine).clients.join(this.#space, { clientId }, CALLER),
    );
    if (reply.kind === 'answered' && clientId === this.#clientId)
      this.#generation = joinResponseSchema.parse(JSON.parse(reply.value.toString())).generation;
  }

  async #poll(): Promise<void> {
    const query = { limit: 500, durable: false, wait: 0, marker: 'now', clientId: this.#clientId };
    await this.#call(
      `poll of ${this.#clientId}`,
      (engine) => new Promise<void>((resolve) => void engine.poll(this.#space, query, () => resolve(), CALLER)),
    );
  }

  /** Longer than a lease and the grace: it lapses, and comes back with its fence. */
  async #fallSilent(): Promise<void> {
    const { random, scheduler, config } = this.#world;
    if (!config.work.joins || !random.chance(0.1)) return;
    this.#silentUntil = scheduler.now + 8_000 + random.int(16_000);
    await scheduler.sleep(random.int(20_000), 'a silent client does nothing');
  }

  async #hold(item: string, fence: number): Promise<void> {
    const { random, scheduler, fleet } = this.#world;
    const writes = random.int(4);
    let known = fence;
    for (let n = 0; n < writes; n++) {
      const late = random.chance(0.25);
      await scheduler.sleep(random.int(late ? 6_000 : 400), late ? 'a holder sleeps' : 'a holder waits');
      if (random.chance(0.25)) known = (await this.#lock(item, false)) ?? known;
      await this.#post(item, { fence: random.chance(0.15) ? fence : known });
    }
    switch (random.weighted({ release: 3, unlock: 3, leave: 1, forget: 2 })) {
      case 'release':
        return void (await this.#post(item, { fence: known, release: true }));
      case 'unlock':
        return this.#release(item);
      case 'leave': {
        const client = this.#clientId;
        if (this.#world.config.work.joins) return this.#leave(client as ClientId);
        const held = fleet.clients.leave(client, CALLER.subject, this.#space);
        await this.#call('leave', (engine) => engine.freeLocks(this.#space, { ...CALLER, client }, held));
      }
    }
  }

  async #leave(client: ClientId): Promise<void> {
    const generation = this.#generation;
    this.#generation = undefined;
    await this.#call(`leave ${client}`, (engine) =>
      (engine as Engine).clients.leave(this.#space, client, generation, CALLER),
    );
  }

  async #lock(item: string, steal: boolean): Promise<number | undefined> {
    const { history } = this.#world;
    if (steal) history.steals.add(`${spotOf(this.#space, item)}/${this.#clientId}`);
    const ask = { clientId: this.#clientId, ...(steal ? { steal } : {}) };
    const reply = await this.#call(`lock ${item} ${this.#clientId}`, (engine) =>
      engine.lock(this.#space, item as ItemId, ask, CALLER, false),
    );
    if (reply.kind !== 'answered') return undefined;
    if (reply.value.result === 'locked') {
      history.count('locked');
      return undefined;
    }
    const { fence } = reply.value;
    history.count('granted');
    history.grants.push({ item: spotOf(this.#space, item), client: this.#clientId, fence });
    return fence;
  }

  async #release(item: string): Promise<void> {
    const client = this.#clientId;
    await this.#call(`unlock ${item} ${client}`, (engine) =>
      engine.unlock(this.#space, item as ItemId, client, CALLER, false),
    );
  }

  /** One update, sent again until it is settled. The fence that it was granted, if it asked for one. */
  async #post(item: string, more: Pick<Update, 'fence' | 'grab' | 'release'>): Promise<number | undefined> {
    const { history, random, scheduler } = this.#world;
    const seq = ++this.#seq;
    const clientId = this.#clientId; // a request that arrives late is of the client that sent it
    const op = `${clientId}.${seq}`;
    const kind = kindOf(item);
    const update: Update = { item, kind, op: kind === 'journal' ? { add: op } : { merge: { [op]: 1 } }, ...more };
    const write = newWrite(op, spotOf(this.#space, item), clientId, seq, more, scheduler.now);
    history.writes.push(write);
    for (let turn = 0; turn < MAX_TRIES; turn++) {
      write.sent++;
      const reply = await this.#call(`post ${op} ${item} ${JSON.stringify(more)}`, (engine) =>
        engine.postUpdate(this.#space, { clientId, seq, updates: [update] }, CALLER),
      );
      const result = reply.kind === 'answered' ? reply.value.results[0] : undefined;
      if (result && result.result !== 'retry') return this.#settle(write, result);
      await scheduler.sleep(random.int(random.chance(0.3) ? 1_500 : 150), 'before a repeat');
    }
    history.count('given up');
    this.#clientId = `${this.#name}-${random.int(1_000_000)}`;
    this.#generation = undefined;
    this.#seq = 0;
    return undefined;
  }

  #settle(write: Write, result: UpdateResult): number | undefined {
    const { history, scheduler } = this.#world;
    scheduler.note(`${write.op} on ${write.item}: ${JSON.stringify(result)}`);
    write.endedAt = scheduler.now;
    history.count(result.result === 'invalid' ? result.code : result.result);
    switch (result.result) {
      case 'ok': {
        write.outcome = 'ok';
        write.version = result.version;
        write.stored = result.durableVersion >= result.version;
        if (result.fence === undefined) return undefined;
        write.fence = result.fence;
        history.grants.push({ item: write.item, client: this.#clientId, fence: result.fence });
        return result.fence;
      }
      case 'locked':
      case 'fenced':
        // One that was sent before may have been applied, and rolled back with the memory of it.
        if (write.sent === 1) write.outcome = 'fail';
        return undefined;
      case 'invalid':
        if (result.code === 'notJoined') this.#generation = undefined;
        if (result.code === 'notJoined' && this.#world.config.work.joins) return undefined;
        if (result.code === 'seqTooOld' || result.code === 'tooManyLocks' || result.code === 'holdTooLong')
          return undefined;
    }
    history.found('answer', `${write.op} on ${write.item} was answered ${JSON.stringify(result)}`);
    return undefined;
  }

  async #call<T>(
    label: string,
    send: (engine: Parameters<Parameters<World['fleet']['call']>[1]['send']>[0]) => Promise<T>,
  ): Promise<Reply<T>> {
    const { fleet, history } = this.#world;
    const reply = await fleet.call(fleet.any(), { label, patienceMs: 12_000, send });
    if (reply.kind !== 'failed') return reply;
    const { error } = reply;
    if (isFailure(error)) history.count(error.code);
    else if (!(error instanceof ProblemError) || error.problem.status === 500)
      history.found('answer', `${label} failed with ${String(error)}`);
    else {
      history.count(error.problem.code);
      if (error.problem.code === 'notJoined') this.#generation = undefined;
    }
    return reply;
  }
}

function newWrite(
  op: string,
  item: string,
  client: string,
  seq: number,
  more: Pick<Update, 'fence' | 'release' | 'grab'>,
  now: number,
): Write {
  return {
    op,
    item,
    client,
    seq,
    ...(more.fence === undefined ? {} : { fence: more.fence }),
    deletes: false,
    durable: more.release === true || more.grab === true,
    invokedAt: now,
    outcome: 'info',
    endedAt: Number.POSITIVE_INFINITY,
    version: 0,
    stored: false,
    sent: 0,
  };
}
