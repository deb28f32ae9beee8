import assert from 'node:assert/strict';
import { Seeded } from '../simulation/seeded.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';

type Kept = { readonly version: number; readonly op: unknown; readonly clientId?: string; readonly seq?: number };

const LIVES = 4;
const WRITERS = 3;

/** Writers of a text with a cell for each of them in each life, so that nothing they write touches; they see every delta and keep it. */
class Lives {
  readonly world = new EngineWorld({}, 1);
  /** What was seen of each life. */
  readonly chains: Map<number, Kept>[] = [new Map()];
  /** By cell. */
  readonly expected = new Map<string, string>();
  readonly #random: Seeded;
  readonly #seqs = new Map<string, number>();
  #on = 0;
  #written = 0;

  constructor(random: Seeded) {
    this.#random = random;
  }

  get life(): number {
    return this.chains.length - 1;
  }

  async begin(): Promise<this> {
    const cells = Array.from(
      { length: LIVES * WRITERS },
      (_, i) => `[${cellOf(Math.floor(i / WRITERS), i % WRITERS)}]`,
    );
    await this.world.ok('t', { create: { text: cells.join('') } }, { kind: 'text' });
    await this.world.pass(3 * N, 500);
    return this;
  }

  /** The text with all that was written. */
  get whole(): string {
    const cells = Array.from({ length: LIVES * WRITERS }, (_, i) => cellOf(Math.floor(i / WRITERS), i % WRITERS));
    return cells.map((cell) => `[${cell}${this.expected.get(cell) ?? ''}]`).join('');
  }

  async text(): Promise<string> {
    const [item] = (await this.world.snapshot(this.#on)).items;
    assert.ok(item && 'value' in item);
    return String(item.value);
  }

  /** A key at the end of the writer's cell, or, now and then, the last one taken back. */
  async write(writer: number): Promise<void> {
    const head = await this.#head();
    const text = await this.text();
    const cell = cellOf(this.life, writer);
    const end = text.indexOf(']', text.indexOf(`[${cell}`));
    const typed = this.expected.get(cell) ?? '';
    const name = `w${writer}`;
    const seq = (this.#seqs.get(name) ?? 0) + 1;
    this.#seqs.set(name, seq);
    const takesBack = typed !== '' && this.#random.chance(0.2);
    const key = String.fromCharCode(0x4e00 + this.#written++);
    const edit = takesBack ? [end - 1, 1, ''] : [end, 0, key];
    await this.world.ok('t', { base: head.v, edits: [edit] }, { clientId: name, seq, on: this.#on });
    this.expected.set(cell, takesBack ? typed.slice(0, -1) : typed + key);
    await this.#see();
  }

  /** The beginning of what a life had, or all of it. */
  async restore(life: number, part = 1): Promise<void> {
    const all = [...(this.chains[life]?.values() ?? [])].sort((a, b) => a.version - b.version);
    const deltas = all.slice(0, Math.ceil(all.length * part));
    const [first] = deltas;
    if (!first) return;
    const restore = { from: first.version - 1, deltas };
    // What is not stored is lost with the life, and known under the numbers of both.
    const durable = this.#random.chance(0.5);
    const result = await this.world.post('t', undefined, { restore, durable, on: this.#on });
    assert.ok(result.result === 'ok', JSON.stringify(result));
    await this.#see();
  }

  async lose(): Promise<void> {
    this.world.at(this.#on).kill();
    this.world.restartCache();
    this.#on = this.world.instances.indexOf(this.world.start());
    await this.world.pollProblem({}, this.#on);
    await this.world.pass(3_000, 250);
    this.chains.push(new Map());
    await this.text(); // loads it
  }

  async #see(): Promise<void> {
    for (const { v, op, c, s } of (await this.#head()).tail) {
      if (!(op as { edits?: unknown }).edits) continue;
      const sender = c !== undefined && s !== undefined ? { clientId: c, seq: s } : {};
      this.chains.at(-1)?.set(v, { version: v, op, ...sender });
    }
  }

  async #head() {
    const head = await this.world.head('t');
    assert.ok(head);
    return head;
  }
}

function cellOf(life: number, writer: number): string {
  return `${life}${writer}:`;
}

async function play(seed: number): Promise<Lives> {
  const random = new Seeded(seed);
  const lives = await new Lives(random).begin();
  for (;;) {
    for (let n = random.int(7); n >= 0; n--) {
      await lives.write(random.int(WRITERS));
      if (random.chance(0.3)) await lives.world.pass(random.int(2 * N), 500);
      if (lives.life > 0 && random.chance(0.2)) await lives.restore(random.int(lives.life), random.fraction());
    }
    if (lives.life === LIVES - 1) break;
    await lives.lose();
  }
  const order = Array.from({ length: LIVES - 1 }, (_, life) => life);
  if (random.chance(0.5)) order.reverse();
  for (const life of [...order, ...order.toReversed()]) await lives.restore(life);
  return lives;
}

describe('texts that were lost several times', () => {
  it('[TX29] what each loss took comes back, once and in order, in whatever parts and order it is told, with others writing between', async function () {
    this.timeout(120_000);
    for (let seed = 1; seed <= 60; seed++) {
      const lives = await play(seed);
      assert.equal(await lives.text(), lives.whole, `seed ${seed}`);
    }
  });

  /** A text that was written in twice, each time lost, with `between` stored before the second loss. */
  async function lostTwice(between: string, sender: { clientId?: string; seq?: number } = { clientId: 'a', seq: 1 }) {
    const world = new EngineWorld();
    const lose = async (on: number): Promise<number> => {
      world.at(on).kill();
      world.restartCache();
      const next = world.instances.indexOf(world.start());
      await world.pollProblem({}, next);
      await world.pass(3_000, 250);
      return next;
    };
    await world.ok('t', { create: { text: 'one two' } }, { kind: 'text' });
    const edits = [[0, 0, 'zero ']];
    const { version } = await world.ok('t', { base: 1, edits }, sender);
    const second = await lose(0);
    const [item] = (await world.snapshot(second)).items;
    const end = 'one two'.length;
    await world.ok('t', { base: item?.version, edits: [[end, 0, between]] }, { on: second, durable: true });
    const third = await lose(second);
    await world.snapshot(third);
    const restore = { from: 1, deltas: [{ version, op: { edits }, ...sender }] };
    const result = await world.ok('t', undefined, { restore, on: third });
    const [now] = (await world.snapshot(third)).items;
    return { result, text: now && 'value' in now ? String(now.value) : '' };
  }

  it('[TX29] as long as what was stored between the losses has 4 KiB or less; beyond that nothing changes', async () => {
    assert.equal((await lostTwice(' three')).text, 'zero one two three');
    const long = ' three'.repeat(800);
    assert.equal((await lostTwice(long)).text, `one two${long}`);
  });

  it('[TX29] an operation without a sender comes back after the last loss alone: it might be there under another number', async () => {
    assert.equal((await lostTwice(' three', {})).text, 'one two three');
  });
});
