import type { Engine, PictureFile } from '../../src/core/engine-types.ts';
import { headKey } from '../../src/model/keys.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { evictKey } from './chaos.ts';
import { type Instance, SIM_SETTINGS } from './fleet.ts';
import { spotOf } from './history.ts';
import { type ListedPicture, readListed } from './listing-painter.ts';
import { OpsViewer } from './ops-viewer.ts';
import type { PictureOracle } from './picture-oracle.ts';
import { SimClient } from './presence-client.ts';
import { SPACES, type World } from './world.ts';
import { SimWriter } from './writer.ts';

const [SPACE = 'space' as never] = SPACES;
const MAX_TRIES = 14;
const JOINS = 6;
const WATCHED_MS = 40_000;

/** Somebody who comes, looks at a picture, follows it, draws, looks at what is stored, and leaves, with a word or without. */
export class Drawer {
  readonly client: SimClient;
  readonly #name: string;
  readonly #world: World;
  readonly #oracle: PictureOracle;
  readonly #writer: SimWriter;
  /** Since it joined, as long as it was heard again before each lease ended. */
  #since: number | undefined;
  #heardAt = 0;

  constructor(name: string, world: World, oracle: PictureOracle) {
    this.#name = name;
    this.client = new SimClient(name, world);
    this.#world = world;
    this.#oracle = oracle;
    this.#writer = new SimWriter(`${name}w`, world, SPACE);
  }

  async visit(): Promise<void> {
    const { random, scheduler } = this.#world;
    await scheduler.sleep(random.int(5_000), `${this.#name} is on the way`);
    for (let n = 0; n < JOINS && this.client.hereSince === undefined; n++) await this.client.join();
    this.#heardAt = this.client.heardAt;
    this.#since = this.client.hereSince === undefined ? undefined : this.#heardAt;
    if (random.chance(0.4)) await this.#watch(scheduler.now + random.int(WATCHED_MS));
    else await this.#work();
    if (random.chance(0.2)) this.client.hereSince = undefined;
    else if (!(await this.client.leave(this.client.generation))) await this.client.leave(this.client.generation);
  }

  async #work(): Promise<void> {
    const { random, config } = this.#world;
    const item = random.pick(this.#world.items);
    if (random.chance(0.7)) await this.join(item);
    for (let n = random.int(config.work.requests); n > 0; n--) {
      await this.#act(random.chance(0.8) ? item : random.pick(this.#world.items));
      await this.#world.pauseBetweenRequests();
      if (random.chance(0.6)) await this.client.poll(random.int(3));
      this.#noteLease();
    }
  }

  /** Stays and draws nothing. */
  async #watch(until: number): Promise<void> {
    const { scheduler, random } = this.#world;
    while (scheduler.now < until) {
      await this.client.poll(1 + random.int(3));
      this.#noteLease();
    }
  }

  /** Its lease runs, and has since then. */
  get leaseSince(): number | undefined {
    const runs =
      this.client.hereSince !== undefined && this.#world.scheduler.now - this.#heardAt < SIM_SETTINGS.leaseMs;
    return runs ? this.#since : undefined;
  }

  #noteLease(): void {
    const { heardAt } = this.client;
    if (heardAt - this.#heardAt > SIM_SETTINGS.leaseMs) this.#since = undefined;
    this.#heardAt = heardAt;
  }

  /** What a page does: the picture, and all operations after it. */
  async join(item: string): Promise<boolean> {
    const picture = await this.look(item);
    if (!picture) return false;
    const viewer = new OpsViewer(`${this.#name} after ${picture.index}`, this.#world, SPACE, item);
    return viewer.catchUpAfter(picture.index, picture.lineage);
  }

  /** The picture as it is now, or as it is stored at a version. */
  async look(item: string, version?: number, instance?: Instance): Promise<ListedPicture | undefined> {
    const where = version === undefined ? 'sent' : `stored at v${version}`;
    const file = await this.#ask<PictureFile | undefined>(`look at ${item}`, instance, (engine) =>
      engine.pictures.file(SPACE, item as ItemId, version),
    );
    if (!file) return undefined;
    const picture = readListed(file.png);
    this.#oracle.sent(picture, spotOf(SPACE, item), where);
    if (picture.version !== file.version || picture.index !== file.index)
      this.#world.history.found('P1 wrong picture', `${item} says ${picture.version}, sent as ${file.version}`);
    this.#world.history.count(`pictures ${version === undefined ? 'sent' : 'read again'}`);
    return picture;
  }

  async draw(item: string): Promise<void> {
    const mode = this.#world.random.weighted({ plain: 7, release: 2, durable: 1 });
    await this.#writer.post([{ item, mode }], MAX_TRIES);
  }

  async #act(item: string): Promise<void> {
    const { random } = this.#world;
    const what = random.int(10);
    if (what < 5) {
      await this.draw(item);
      if (!random.chance(0.4)) return;
      await Promise.all([this.look(item), this.look(item)]);
      if (random.chance(0.2)) evictKey(this.#world, headKey(SPACE, item)); // drawn, and perhaps not stored
    } else if (what < 7) await this.look(item);
    else if (what < 9) await this.join(item);
    else await this.#lookBack(item);
  }

  /** One of the versions that are said to be stored is. */
  async #lookBack(item: string): Promise<void> {
    const stored = await this.#ask(`list ${item}`, undefined, (engine) =>
      engine.pictures.stored(SPACE, item as ItemId, 0),
    );
    if (!stored || stored.length === 0) return;
    await this.look(item, this.#world.random.pick(stored).version);
  }

  async #ask<T>(label: string, instance: Instance | undefined, send: (engine: Engine) => Promise<T>) {
    const { fleet, history } = this.#world;
    const reply = await fleet.call(instance ?? fleet.any(), {
      label: `${this.#name}: ${label}`,
      patienceMs: 60_000,
      send: (engine) => send(engine as Engine),
    });
    if (reply.kind === 'answered') return reply.value;
    if (reply.kind === 'lost') return undefined;
    const { error } = reply;
    if (!(error instanceof ProblemError && error.problem.status === 503))
      history.found('answer', `${label} failed with ${String(error)}`);
    return undefined;
  }
}
