import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { type Answered, JSON_TYPE } from '../api/fixture.ts';
import { explain, leaves, type Sent } from './judge-requests.ts';
import { WHO, type Who } from './people.ts';
import { Reader } from './reader.ts';
import { actorOf, isWrite, Senders, toHttp, toRequest } from './requests.ts';
import { SpaceModel } from './space-model.ts';
import type { Step } from './steps.ts';
import { type ApiWorld, SPACES } from './worlds.ts';

type Parked = {
  readonly who: Who;
  readonly on: number;
  readonly client: string | undefined;
  readonly answer: Promise<Answered>;
  readonly news: number;
  readonly atMs: number;
  superseded: boolean;
  answered: boolean;
};

/** A poll that waits is answered by itself no sooner than this, ms. */
const PATIENT_MS = 40_000;
const WAIT_SECONDS = 50;
/** Everybody who is not heard of has left after this long, whatever the order of rounds, ms. */
const LAPSED_MS = 100_000;
const HEARD_EVERY_MS = 10_000;
/** What clients say is on its way for so long, ms. */
const SAID_MS = 250;
const KEPT_LINES = 14;
/** Of real time. */
const IN_VAIN_MS = 20_000;

let spaces = 0;

/** Carries the steps out one after the other; throws where an answer is not what the model says. */
export async function play(world: ApiWorld, steps: readonly Step[]): Promise<void> {
  const run = new Run(world, `${SPACES}${process.pid}-${spaces++}`);
  try {
    await run.begin();
    for (const step of steps) await run.take(step);
    await run.end();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n  ${run.told.join('\n  ')}`, {
      cause: error,
    });
  } finally {
    run.abandon();
  }
}

class Run {
  readonly told: string[] = [];
  readonly #world: ApiWorld;
  readonly #space: string;
  readonly #model: SpaceModel;
  readonly #senders = new Senders();
  readonly #readers = new Map<Who, Reader>(WHO.map((who) => [who, new Reader()]));
  readonly #parked = new Set<Parked>();

  constructor(world: ApiWorld, space: string) {
    this.#world = world;
    this.#space = space;
    this.#model = new SpaceModel(world.people);
    this.#model.living = false;
  }

  async begin(): Promise<void> {
    await this.take({ do: 'settings', who: 'owner', on: 0, members: {} });
    await this.take({ do: 'join', who: 'ann', client: 'c0', on: 0 });
    await this.take({ do: 'join', who: 'owner', client: 'c1', on: this.#world.instances - 1 });
  }

  /** Every poll that still waits is told of one more item, and everybody who may read knows all of it. */
  async end(): Promise<void> {
    await this.take({ do: 'settings', who: 'owner', on: 0, members: { cat: 'r' } });
    await this.take({ do: 'item', who: 'owner', on: 0, item: 'last', method: 'PUT' });
    for (const who of WHO) await this.#read(who, 0, 500);
  }

  abandon(): void {
    for (const { answer } of this.#parked) answer.catch(() => undefined);
  }

  async take(step: Step): Promise<void> {
    await this.#keepAlive(step.on);
    for (let until = 0; ; ) {
      until = this.#model.unsureUntil(this.#world.now());
      if (until === 0) break;
      await this.#pass(until - this.#world.now() + 1);
      await this.#keepAlive(step.on);
    }
    const members = this.#model.settings.members;
    await this.#carryOut(step);
    for (const parked of [...this.#parked]) {
      if (parked.superseded || parked.answered || parked.news !== this.#model.news)
        await this.#collect(parked, step.do === 'end' && Boolean(members[parked.who]));
    }
  }

  #carryOut(step: Step): Promise<void> {
    const { who, on } = { who: 'owner' as Who, ...step };
    if (isWrite(step)) return this.#exchange(on, toRequest(this.#model, this.#senders, step));
    switch (step.do) {
      case 'race':
        return this.#race(on, step.first, step.second);
      case 'join':
      case 'leave':
      case 'say': {
        const actor = actorOf(this.#model, step, step.client.replace('c', 'i'));
        if (step.do === 'join') return this.#join(on, actor.who, actor.client, step.data);
        if (step.do === 'say') return this.#say(on, actor.who, actor.client, step.data);
        const { generation } = step;
        return this.#exchange(on, { kind: 'leave', ...actor, ...this.#generationOf(actor.client, generation) });
      }
      case 'settings': {
        const { do: _do, who: _who, on: _on, ...settings } = step;
        return this.#everywhere(on, { kind: 'settings', who, settings });
      }
      case 'end':
        return this.#everywhere(on, { kind: 'end', who });
      case 'read':
        return this.#read(who, on, step.limit, step.client, step.post);
      case 'fromNow':
        return this.#fromNow(who, on);
      case 'park':
        return this.#park(who, on, step.client);
      case 'pass':
        return this.#pass(step.ms);
      case 'lapse':
        return this.#lapse(on, step.keep);
    }
  }

  async #send(on: number, sent: Sent): Promise<Answered> {
    const answer = await this.#world.send(on, toHttp(this.#model, this.#space, sent));
    this.#note(`${on}: ${JSON.stringify(sent)} → ${answer.status} ${answer.text.slice(0, 300)}`);
    return answer;
  }

  async #exchange(on: number, sent: Sent): Promise<void> {
    const now = this.#world.now();
    fail(explain(this.#model, sent, await this.#send(on, sent), now));
  }

  /** What a change of settings means is known at once where it was made, elsewhere a while later: there the owner repeats it. */
  async #everywhere(on: number, sent: Sent & { kind: 'settings' | 'end' }): Promise<void> {
    const allowed = this.#model.may(sent.who, 'admin');
    await this.#exchange(on, sent);
    for (let other = 0; allowed && other < this.#world.instances; other++)
      if (other !== on) await this.#exchange(other, { ...sent, who: 'owner' });
  }

  /** Two at once: whichever order explains both answers will do. */
  async #race(on: number, ...steps: Parameters<typeof toRequest>[2][]): Promise<void> {
    const now = this.#world.now();
    const [first, other] = steps.map((step) => toRequest(this.#model, this.#senders, step));
    if (!first || !other) return;
    const second = apart(first, other);
    const answers = await Promise.all([this.#send(on, first), this.#send((on + 1) % this.#world.instances, second)]);
    const pairs = [first, second].map((sent, i) => [sent, answers[i]] as const);
    const complaints: string[] = [];
    for (const order of [pairs, pairs.toReversed()]) {
      const model = this.#model.clone();
      let wrong: string | undefined;
      for (const [sent, answer] of order) wrong ??= answer && explain(model, sent, answer, now);
      if (wrong === undefined) return this.#model.become(model);
      complaints.push(wrong);
    }
    fail(`no order explains both: ${complaints.join('; or: ')}`);
  }

  async #join(on: number, who: Who, client: string, data: number | undefined): Promise<void> {
    const known = this.#model.clients.get(client);
    const now = this.#world.now();
    const answer = await this.#world.send(on, {
      method: 'POST',
      path: `/v1/spaces/${this.#space}/clients`,
      headers: { ...this.#bearer(who), ...JSON_TYPE },
      body: JSON.stringify({ clientId: client, data }),
    });
    this.#note(`${on}: ${who} joins as ${client} → ${answer.status} ${answer.text.slice(0, 300)}`);
    const taken = known && known.who !== who ? { status: 409, code: 'clientIdTaken' } : undefined;
    const refused = this.#model.denied(who, 'read') ?? taken;
    if (refused)
      return fail(
        answer.status === refused.status && answer.json.code === refused.code ? undefined : `had to be ${refused.code}`,
      );
    const { generation, nextSeq } = answer.json;
    if (answer.status !== 201 || generation !== (known?.generation ?? 0) + 1)
      fail(`had to be generation ${(known?.generation ?? 0) + 1}`);
    if (nextSeq <= (known?.seq ?? 0)) fail(`the numbers had to begin above ${known?.seq}`);
    // What it said a moment ago through another server may still come.
    const said = this.#world.clock ? [data] : [...(known?.said ?? []), data];
    this.#model.clients.set(client, { who, generation, seq: nextSeq, here: true, said, heardMs: now });
    this.#model.news++;
    this.#senders.of(who, client).seq = nextSeq - 1;
    const reader = new Reader();
    fail(reader.take(answer.json) ?? (answer.json.upToDate ? reader.compare(this.#model) : undefined));
  }

  #generationOf(client: string, generation: 'now' | 'old' | 'untold'): { generation?: number } {
    const now = this.#model.clients.get(client)?.generation ?? 1;
    if (generation === 'untold') return {};
    return { generation: generation === 'now' ? now : Math.max(1, now - 1) };
  }

  async #say(on: number, who: Who, client: string, data: number): Promise<void> {
    await this.#exchange(on, { kind: 'say', who, client, data });
    if (!this.#world.clock) return;
    await this.#pass(SAID_MS);
    const known = this.#model.clients.get(client);
    known?.said.splice(0, known.said.length - 1);
  }

  async #read(who: Who, on: number, limit: number, client?: string, post = false): Promise<void> {
    const reader = this.#readers.get(who) as Reader;
    for (let page = 0; page < 60; page++) {
      const ask = {
        limit,
        wait: 0,
        ...(reader.marker ? { marker: reader.marker } : {}),
        ...(client ? { clientId: client } : {}),
      };
      const answer = await this.#world.send(on, this.#poll(who, ask, post));
      this.#note(
        `${on}: ${who} reads ${JSON.stringify({ ...ask, marker: reader.marker?.slice(0, 6) })} → ${answer.status} ${answer.text.slice(0, 400)}`,
      );
      this.#heard(who, on, client);
      const denied = this.#model.denied(who, 'read');
      if (denied) return fail(answer.status === denied.status ? undefined : `had to be ${denied.status}`);
      if (answer.status !== 200) fail('had to be 200');
      if (this.#take(who, reader, answer.json)) return;
    }
    fail(`${who} does not become up to date`);
  }

  /** Whether the reader is up to date; then it was compared. */
  #take(who: Who, reader: Reader, answer: GetUpdatesResponse): boolean {
    const wrong = reader.take(answer) ?? (answer.upToDate ? reader.compare(this.#model) : undefined);
    fail(wrong && `to ${who}: ${wrong}`);
    return answer.upToDate;
  }

  async #fromNow(who: Who, on: number): Promise<void> {
    if (!this.#model.may(who, 'read')) return;
    const answer = await this.#world.send(on, this.#poll(who, { marker: 'now', wait: 0 }, false));
    if (answer.status !== 200 || answer.json.items.length > 0) fail(`from now on had to tell nothing: ${answer.text}`);
    const reader = this.#readers.get(who) as Reader;
    reader.skipTo(this.#model);
    reader.marker = answer.json.marker;
  }

  async #park(who: Who, on: number, client: string | undefined): Promise<void> {
    for (const parked of this.#parked) if (parked.who === who) return;
    await this.#read(who, on, 500);
    const reader = this.#readers.get(who) as Reader;
    if (!this.#model.may(who, 'read') || !reader.marker) return;
    const ask = { marker: reader.marker, wait: WAIT_SECONDS, ...(client ? { clientId: client } : {}) };
    this.#heard(who, on, client);
    const before = this.#world.parked(on);
    const answer = this.#world.begin(on, this.#poll(who, ask, false));
    const { news } = this.#model;
    const parked: Parked = {
      who,
      on,
      client,
      answer,
      news,
      atMs: this.#world.now(),
      superseded: false,
      answered: false,
    };
    answer
      .finally(() => {
        parked.answered = true;
      })
      .catch(() => undefined);
    while (!parked.answered && this.#world.parked(on) <= before) await new Promise((resolve) => setImmediate(resolve));
    this.#parked.add(parked);
  }

  /** A poll that has something to be told, or was ended by a newer one. `could`: its right ended only after the first news. */
  async #collect(parked: Parked, could = false): Promise<void> {
    const { who, on, client, superseded } = parked;
    this.#parked.delete(parked);
    const answer = await this.#soon(parked.answer, `the parked poll of ${who} is answered`);
    this.#note(`${on}: ${who} had parked → ${answer.status} ${answer.text.slice(0, 300)}`);
    const heard = client === undefined ? undefined : this.#model.clients.get(client);
    if (heard?.who === who) heard.heardMs = this.#world.now();
    if (superseded && answer.status === 409) return;
    if (superseded && parked.news === this.#model.news) fail('had to be superseded');
    const reader = this.#readers.get(who) as Reader;
    if (!this.#model.may(who, 'read')) {
      if (could && answer.status === 200) return fail(reader.take(answer.json));
      return fail(answer.status === 403 ? undefined : `a right was taken back: had to be 403, not ${answer.text}`);
    }
    if (answer.status !== 200) fail(`the parked poll of ${who} had to be 200`);
    fail(reader.take(answer.json)); // it may tell of the middle of a step
    await this.#read(who, on, 500);
  }

  /** Whoever is heard of stays; an older poll of the same client through the same instance ends. */
  #heard(who: Who, on: number, client: string | undefined): void {
    if (client === undefined || !this.#model.may(who, 'read')) return;
    for (const parked of this.#parked)
      if (parked.who === who && parked.client === client && parked.on === on) parked.superseded = true;
    const known = this.#model.clients.get(client);
    if (known?.who === who) known.heardMs = this.#world.now();
  }

  async #pass(ms: number): Promise<void> {
    const { clock } = this.#world;
    if (!clock) throw new Error('time cannot be moved here');
    for (let left = ms; left > 0; left -= 200) {
      clock.advance(Math.min(200, left));
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    const old = [...this.#parked].filter(({ atMs }) => clock.now() - atMs > PATIENT_MS);
    if (old.length > 0) clock.advance(WAIT_SECONDS * 1_000 - PATIENT_MS);
    for (const parked of old) await this.#collect(parked);
  }

  /** Nobody falls silent unless a step says so. */
  async #keepAlive(on: number): Promise<void> {
    if (!this.#world.clock) return;
    const silent = [...this.#model.clients].filter(
      ([, { here, heardMs }]) => here && this.#world.now() - heardMs > HEARD_EVERY_MS,
    );
    for (const [id, { who }] of silent) {
      if (this.#model.may(who, 'read')) await this.#sign(on, who, id);
      else return this.#lapse(on, [...this.#model.clients.keys()]);
    }
  }

  /** A sign of life. */
  async #sign(on: number, who: Who, client: string): Promise<void> {
    await this.#world.send(on, this.#poll(who, { marker: 'now', wait: 0, clientId: client }, false));
    this.#heard(who, on, client);
    for (const parked of [...this.#parked]) if (parked.superseded) await this.#collect(parked);
  }

  async #lapse(on: number, keep: readonly string[]): Promise<void> {
    const isKept = (id: string, who: Who) => keep.includes(id) && this.#model.may(who, 'read');
    await this.#wakeAll(on); // polls that wait keep their clients
    for (let ms = 0; ms < LAPSED_MS; ms += HEARD_EVERY_MS) {
      for (const [id, { here, who }] of this.#model.clients) if (here && isKept(id, who)) await this.#sign(on, who, id);
      await this.#world.send(on, this.#poll('owner', { wait: 0 }, false));
      await this.#pass(HEARD_EVERY_MS);
    }
    for (const [id, { here, who }] of this.#model.clients) if (here && !isKept(id, who)) leaves(this.#model, id);
  }

  async #wakeAll(on: number): Promise<void> {
    if (this.#parked.size === 0) return;
    await this.#join(on, 'owner', 'waker', undefined);
    for (const parked of [...this.#parked]) await this.#collect(parked);
    await this.#exchange(on, { kind: 'leave', who: 'owner', client: 'waker' });
  }

  #poll(who: Who, ask: object, post: boolean): Parameters<ApiWorld['send']>[1] {
    const path = `/v1/spaces/${this.#space}/updates`;
    const headers = this.#bearer(who);
    if (post)
      return { method: 'POST', path: `${path}:get`, headers: { ...headers, ...JSON_TYPE }, body: JSON.stringify(ask) };
    return {
      path: `${path}?${new URLSearchParams(Object.fromEntries(Object.entries(ask).map(([name, value]) => [name, String(value)])))}`,
      headers,
    };
  }

  #bearer(who: Who): { readonly Authorization: string } {
    return { Authorization: `Bearer ${this.#world.people[who].key}` };
  }

  /** An answer that has to come by itself, or with at most some seconds of a clock that is moved. */
  async #soon(answer: Promise<Answered>, what: string): Promise<Answered> {
    const { clock } = this.#world;
    let got: Answered | undefined;
    answer.then(
      (value) => {
        got = value;
      },
      () => undefined,
    );
    const began = performance.now();
    const from = this.#world.now();
    while (!got) {
      await new Promise((resolve) => setImmediate(resolve));
      const real = performance.now() - began;
      if (clock) clock.advance(real > 50 && clock.now() - from < 6_000 ? 5 : 0);
      if (real > IN_VAIN_MS) fail(`waited in vain until ${what}`);
    }
    return got;
  }

  #note(line: string): void {
    this.told.push(line);
    if (this.told.length > KEPT_LINES) this.told.shift();
  }
}

/** One client has one request in flight, or the same one twice. */
function apart(first: Sent, second: Sent): Sent {
  if (first.kind !== 'post' || second.kind !== 'post' || first === second) return second;
  if (first.who !== second.who || first.clientId !== second.clientId || first.seq === undefined) return second;
  const { seq: _seq, ...rest } = second;
  return rest;
}

function fail(wrong: string | undefined): void {
  if (wrong !== undefined) throw new Error(wrong);
}
