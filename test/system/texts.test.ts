import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChangeSet } from '@codemirror/state';
import { type TextAnswer, TextCopy, type TextDelta } from '../../src/client/text/text-copy.ts';
import { eventually, get, type ItemReply, must200, post, readItem, type Target, told, update } from './calls.ts';
import { Cluster } from './cluster.ts';

const SPACE = 'office';
const ITEM = 'letter';
const PEOPLE = 10;

/** One person at a keyboard, in a line of their own, on whichever server answers. */
class Typist {
  readonly name: string;
  /** Typed, and acknowledged. */
  readonly acked: string[] = [];
  unanswered = 0;
  /** Where a request of its own is on its way. */
  sendingTo: Target | undefined;
  resets = 0;
  readonly #cluster: Cluster;
  readonly #place: number;
  readonly #copy: TextCopy;
  #marker: string;
  #seq = 0;

  constructor(cluster: Cluster, place: number, start: { marker: string; version: number; value: string }) {
    this.name = `p${place}`;
    this.#cluster = cluster;
    this.#place = place;
    this.#marker = start.marker;
    this.#copy = new TextCopy(this.name, start.version, start.value);
  }

  get text(): string {
    return this.#copy.shown.toString();
  }

  /** Types words one key after the other until told to stop. */
  async type(until: () => boolean): Promise<void> {
    for (let word = 0; !until(); word++) {
      const keys = `${this.name}.${word};`;
      for (const key of keys) {
        this.#key(key);
        await this.#send();
        await this.#listen();
      }
      this.acked.push(keys);
    }
  }

  #key(key: string): void {
    const { shown } = this.#copy;
    const at = shown.line(this.#place + 1).to;
    this.#copy.write(ChangeSet.of({ from: at, insert: key }, shown.length));
  }

  /** The same request again, to another server if need be, until it is answered. */
  async #send(): Promise<void> {
    const seq = ++this.#seq;
    const op = this.#copy.send(seq);
    for (;;) {
      this.sendingTo = this.#server();
      const reply = await post(this.sendingTo, SPACE, { clientId: this.name, seq, updates: [{ item: ITEM, op }] });
      this.sendingTo = undefined;
      const result = reply?.status === 200 ? reply.body.results[0] : undefined;
      if (result && result.result !== 'retry') {
        assert.equal(result.result, 'ok', JSON.stringify(result).slice(0, 300));
        this.#copy.answered(seq, result as unknown as TextAnswer);
        return;
      }
      this.unanswered++;
      await sleep(20);
    }
  }

  async #listen(): Promise<void> {
    const reply = await get(this.#server(), SPACE, { marker: this.#marker, wait: 0 });
    if (reply?.status !== 200) return;
    this.#marker = reply.body.marker;
    if (reply.body.mustReset) this.resets++;
    for (const item of reply.body.items) {
      if ('deltas' in item) this.#copy.took(item.deltas as TextDelta[]);
      else if ('value' in item) this.#copy.replaced(item.version, String(item.value));
    }
  }

  async catchUp(text: string): Promise<void> {
    await eventually(`${this.name} has it all`, async () => {
      await this.#listen();
      return this.text === text || undefined;
    });
  }

  #server() {
    const { alive } = this.#cluster;
    const server = alive[this.#place % Math.max(1, alive.length)] ?? this.#cluster.servers.at(-1);
    assert(server);
    return server;
  }
}

describe('the death of a server that ten people write on', function () {
  this.timeout(120_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'texts', servers: 2, persistMs: 1_000 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[TX51] the longest text, and one of which most characters take two bytes as JSON, are stored and loaded again', async () => {
    const [server] = cluster.alive;
    assert(server);
    const texts = { plain: 'é'.repeat(256 * 1024), quotes: '"'.repeat(384 * 1024) };
    for (const [item, text] of Object.entries(texts)) {
      const { version } = await update(server, 'long', { item, kind: 'text', op: { create: { text } } });
      const more = await post(server, 'long', { updates: [{ item, op: { base: version, edits: [[0, 0, '"']] } }] });
      assert.equal(must200(more).results[0]?.result, 'tooLarge');
      const op = { base: version, edits: [[5, 1, '!']] };
      await update(server, 'long', { item, op, release: true });
    }
    await cluster.restartMemcached();
    for (const [item, text] of Object.entries(texts)) {
      const found: ItemReply = await eventually(`${item} is loaded`, () =>
        readItem(server, 'long', item).catch(() => undefined),
      );
      assert.equal(found.value, `${text.slice(0, 5)}!${text.slice(6)}`);
    }
  });

  it('[TX50] kill -9: another goes on, no key that was acknowledged is lost, none is there twice', async () => {
    const [victim, other] = cluster.alive;
    assert(victim && other);
    const op = { create: { text: '\n'.repeat(PEOPLE - 1) } };
    await update(victim, SPACE, { item: ITEM, kind: 'text', op });
    const { marker, items } = await told(victim, SPACE);
    const start = { marker, version: items[0]?.version ?? 0, value: '\n'.repeat(PEOPLE - 1) };
    const people = Array.from({ length: PEOPLE }, (_, place) => new Typist(cluster, place, start));
    const words = () => people.reduce((sum, { acked }) => sum + acked.length, 0);
    let stop = false;
    const typing = people.map((person) => person.type(() => stop));
    await eventually('they write', async () => words() > 2 * PEOPLE || undefined, 60_000);
    await eventually('a request is in flight', async () => people.some((one) => one.sendingTo === victim) || undefined);
    await victim.kill();
    const atDeath = words();
    await eventually('they go on', async () => words() > atDeath + 3 * PEOPLE || undefined, 60_000);
    stop = true;
    await Promise.all(typing);
    const found = await readItem(other, SPACE, ITEM);
    const lines = String(found?.value).split('\n');
    for (const [place, { acked }] of people.entries()) assert.equal(lines[place], acked.join(''));
    for (const person of people) await person.catchUp(String(found?.value));
    assert.deepEqual(
      people.map(({ resets }) => resets),
      new Array(PEOPLE).fill(0),
    );
  });
});
