import type { SpaceId } from '../../src/protocol/ids.ts';
import type { PostUpdateRequest, UpdateResult } from '../../src/protocol/post-update.ts';
import type { Chain, ChainKeeper, KeptDelta } from './chain-keeper.ts';
import { spotOf } from './history.ts';
import { kindOf } from './items.ts';
import { CALLER, type World } from './world.ts';

const MAX_TRIES = 8;
/** Above every ceiling that can be reserved within a run. */
const FAR_ABOVE = 50_000;

type Way = 'whole' | 'short' | 'late' | 'twice' | 'aboveCeiling' | 'wrongFrom' | 'falling' | 'unfit';
const BAD_WAYS: readonly Way[] = ['short', 'late', 'twice', 'aboveCeiling', 'wrongFrom', 'falling', 'unfit'];
const HONEST = new Set<Way>(['whole', 'short', 'late', 'twice']);

/** Who restores: the numbers of its next request, if it numbers them, and what it must do when that one is never settled. */
export type Identity = {
  next(): { readonly clientId: string; readonly seq: number } | undefined;
  givenUp(): void;
};

/** A client that brings back what it has seen and a rollback has taken; or lies about it, or comes late, or too often. */
export class Restorer {
  readonly #world: World;
  readonly #space: SpaceId;
  readonly #name: string;
  readonly #identity: Identity;
  #forged = 0;

  constructor(world: World, space: SpaceId, name: string, identity: Identity) {
    this.#world = world;
    this.#space = space;
    this.#name = name;
    this.#identity = identity;
  }

  async restoreLost(chains: ChainKeeper): Promise<void> {
    const { random, config, history } = this.#world;
    for (const [item, chain] of chains.takeCutOff()) {
      history.count('cut off');
      const likely = history.lastRollback(spotOf(this.#space, item)) ? config.work.restores : config.work.restores / 10;
      if (random.chance(likely)) await this.#restore(item, chain);
    }
  }

  async #restore(item: string, chain: Chain): Promise<void> {
    const { random, config, scheduler, history } = this.#world;
    const way: Way = random.chance(config.work.badChains) ? random.pick(BAD_WAYS) : 'whole';
    if (way === 'late') await scheduler.sleep(random.int(6_000), 'restores late');
    const { from, deltas } = this.#bend(way, item, chain);
    const update = { item, restore: { from, deltas: [...deltas] } };
    const request: PostUpdateRequest = { ...this.#identity.next(), updates: [update] };
    history.count(`restore ${way}`);
    const invokedAt = scheduler.now;
    const copies = way === 'twice' ? 2 : 1;
    const results = await Promise.all(Array.from({ length: copies }, () => this.#settled(request, way)));
    if (!results.every((result) => result !== undefined)) this.#identity.givenUp();
    for (const result of results) {
      if (result?.result !== 'ok' || !HONEST.has(way)) continue;
      const ops = deltas.flatMap(namesOf);
      history.restores.push({ item: spotOf(this.#space, item), from, ops, invokedAt, endedAt: scheduler.now });
    }
  }

  #bend(way: Way, item: string, { from, deltas }: Chain): Chain {
    const last = deltas.at(-1)?.version ?? from;
    switch (way) {
      case 'whole':
      case 'late':
      case 'twice':
        return { from, deltas };
      case 'short':
        return { from, deltas: deltas.slice(0, 1 + this.#world.random.int(deltas.length)) };
      case 'aboveCeiling':
        return { from, deltas: [...deltas, this.#forge(item, last + FAR_ABOVE)] };
      case 'wrongFrom':
        return { from: from + 313, deltas: [this.#forge(item, from + 314)] };
      case 'falling':
        return { from, deltas: [...deltas, this.#forge(item, last)] };
      case 'unfit':
        return { from, deltas: [...deltas, { ...this.#forge(item, last + 1), op: { nonsense: this.#name } }] };
    }
  }

  /** An operation that nobody ever sent; it must not be anywhere. */
  #forge(item: string, version: number): KeptDelta {
    const { history, scheduler } = this.#world;
    const op = `${this.#name}.forged${this.#forged++}`;
    history.wrote({
      op,
      item: spotOf(this.#space, item),
      client: this.#name,
      seq: 0,
      deletes: false,
      durable: false,
      invokedAt: scheduler.now,
      outcome: 'fail',
      endedAt: scheduler.now,
      version: 0,
      stored: false,
      sent: 1,
    });
    return { version, op: kindOf(item) === 'register' ? { merge: { [op]: 1 } } : { add: `${op}~` } };
  }

  async #settled(request: PostUpdateRequest, way: Way): Promise<UpdateResult | undefined> {
    const { fleet, random, scheduler } = this.#world;
    for (let turn = 0; turn < MAX_TRIES; turn++) {
      const reply = await fleet.call(fleet.any(), {
        label: `restore by ${this.#name}`,
        patienceMs: 12_000,
        send: (engine) => engine.postUpdate(this.#space, request, CALLER),
      });
      const result = reply.kind === 'answered' ? reply.value.results[0] : undefined;
      if (result && result.result !== 'retry') {
        this.#judge(result, way);
        return result;
      }
      await scheduler.sleep(random.int(400), 'before it is restored again');
    }
    return undefined;
  }

  #judge(result: UpdateResult, way: Way): void {
    const { history, scheduler } = this.#world;
    scheduler.note(`${this.#name} restored, ${way}: ${JSON.stringify(result)}`);
    history.count(`restored ${result.result === 'invalid' ? result.code : result.result}`);
    if (result.result === 'ok') return;
    const code = result.result === 'invalid' ? result.code : undefined;
    if (code === 'notRolledBack' || code === 'seqTooOld' || (code === 'badOp' && !HONEST.has(way))) return;
    history.found('answer', `a chain, ${way}, was answered ${JSON.stringify(result)}`);
  }
}

/** How a value names the operations. */
function namesOf({ op }: KeptDelta): string[] {
  const { add, merge } = op as { readonly add?: string | readonly string[]; readonly merge?: object };
  if (add === undefined) return Object.keys(merge ?? {}).slice(0, 1);
  return [add].flat().map((text) => text.split('~')[0] ?? '');
}
