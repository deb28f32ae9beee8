import type { PollOutcome } from '../../src/core/engine-types.ts';
import type { ItemId, SpaceId } from '../../src/protocol/ids.ts';
import { type OpsQuery, type OpsResponse, opsResponseSchema } from '../../src/protocol/ops.ts';
import { spotOf } from './history.ts';
import type { World } from './world.ts';

/** A client that follows the operations of one item by their index, on whichever instance, and drops what it is told to be gone. */
export class OpsViewer {
  readonly name: string;
  readonly space: SpaceId;
  readonly item: string;
  readonly #world: World;
  readonly #limit: number;
  /** Names of the operations it has, from index 1 on. */
  ops: string[] = [];
  #lineage: string | undefined;

  constructor(name: string, world: World, space: SpaceId, item = world.random.pick(world.items)) {
    this.name = name;
    this.#world = world;
    this.space = space;
    this.item = item;
    this.#limit = world.random.chance(0.4) ? 500 : 1 + world.random.int(5);
  }

  async live(): Promise<void> {
    const { random, config } = this.#world;
    for (let turn = 0; turn < config.work.polls; turn++) {
      await this.follow(random.chance(0.4) ? 0 : 1 + random.int(4));
      if (random.chance(0.3)) await this.#world.pauseBetweenRequests();
    }
  }

  /** One more answer. `upToDate`: there was nothing more; `gone`: there is no such item. */
  async follow(wait: number): Promise<'more' | 'upToDate' | 'gone' | 'failed'> {
    const index = this.ops.length + 1;
    const lineage = this.#lineage === undefined ? {} : { lineage: this.#lineage };
    const answer = await this.ask({ index, limit: this.#limit, wait, ...lineage });
    if (answer === 'gone') {
      [this.ops, this.#lineage] = [[], undefined];
      return 'gone';
    }
    if (answer === 'failed') return 'failed';
    this.#world.history.count('ops answers');
    const { lineage: told, nextIndex, replaced, ops } = answer;
    this.#world.scheduler.note(
      `${this.name} of ${this.item} at ${index} of ${this.#lineage}: ${told} ${nextIndex} ${replaced} ${ops.length}`,
    );
    if (answer.replaced !== undefined) {
      this.#world.history.count('ops replaced');
      if (answer.replaced >= index)
        this.#wrong(`has ${index - 1} operations, of which ${answer.replaced} on are replaced`);
      this.ops.length = Math.min(this.ops.length, answer.replaced - 1);
    }
    for (const op of answer.ops) {
      if (op.index !== this.ops.length + 1) this.#wrong(`asked for ${this.ops.length + 1}, was told ${op.index}`);
      this.ops.push(nameOf(op.op));
    }
    if (answer.nextIndex !== this.ops.length + 1)
      this.#wrong(`has ${this.ops.length}, is to go on at ${answer.nextIndex}`);
    this.#lineage = answer.lineage;
    return answer.upToDate ? 'upToDate' : 'more';
  }

  async catchUp(): Promise<boolean> {
    for (let turn = 0; turn < 400; turn++) {
      const told = await this.follow(0);
      if (told === 'upToDate' || told === 'gone') return true;
      if (told === 'failed') await this.#world.scheduler.sleep(200, 'asks for operations again');
    }
    return false;
  }

  /** Of a picture: from its index on, as somebody has it who was sent it. */
  async catchUpAfter(index: number, lineage: string): Promise<boolean> {
    this.#lineage = lineage;
    this.ops = Array.from({ length: index }, () => 'in the picture');
    return this.catchUp();
  }

  async ask(query: OpsQuery): Promise<OpsResponse | 'gone' | 'failed'> {
    const { fleet, history } = this.#world;
    const reply = await fleet.call(fleet.any(), {
      label: `ops of ${this.name}`,
      patienceMs: query.wait * 1_000 + 10_000,
      send: (engine, onGiveUp) =>
        new Promise<PollOutcome>((resolve) => onGiveUp(engine.ops(this.space, this.item as ItemId, query, resolve))),
    });
    if (reply.kind !== 'answered') return 'failed';
    if ('problem' in reply.value) {
      const { code, status, detail } = reply.value.problem;
      if (code === 'notFound') return 'gone';
      if (status !== 503) history.found('answer', `operations of ${this.item} were answered ${code}: ${detail}`);
      return 'failed';
    }
    const answer = opsResponseSchema.parse(JSON.parse(reply.value.answer.body.toString()));
    for (const { index, op } of answer.ops)
      history.sawOp(spotOf(this.space, this.item), answer.lineage, index, nameOf(op), this.name);
    return answer;
  }

  #wrong(what: string): void {
    this.#world.history.found('H1 wrong history', `${this.name} of ${spotOf(this.space, this.item)} ${what}`);
  }
}

export function nameOf(op: unknown): string {
  return typeof op === 'string' ? (op.split('~')[0] ?? '') : JSON.stringify(op);
}
