import { Agent, request } from 'node:http';
import { ChangeSet } from '@codemirror/state';
import { must } from '../../../src/base/assert.ts';
import { type TextAnswer, TextCopy, type TextDelta } from '../../../src/client/text/text-copy.ts';
import { changeIds, type Intent } from './recording.ts';

/** Calls of one client, each on a connection that is kept. */
export class Calls {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  send<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const to = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers };
      const sent = request(to, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error(`${response.statusCode} ${text.slice(0, 300)}`));
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

type Told = {
  readonly version: number;
  readonly value?: string;
  readonly from?: number;
  readonly deltas?: readonly TextDelta[];
};
type Polled = { readonly marker: string; readonly items: readonly Told[] };
type Post = { readonly seq: number; readonly intents: readonly Intent[] };

const UPDATES = '/v1/spaces/board/updates';
const ITEM = 'text';

/** Who typed what in which request: what a server's delta does not say of each character. */
export class Log {
  readonly typed = new Map<string, readonly number[]>();
  readonly deltas: TextDelta[] = [];
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  idsOf({ clientId, seq }: TextDelta): readonly number[] {
    return must(this.typed.get(`${clientId}/${seq}`), 'known who typed it');
  }

  /** The numbers of the characters of the text at a version. */
  idsAt(version: number): number[] {
    const ids = Array.from({ length: this.#length }, (_, i) => i + 1);
    let length = this.#length;
    for (const delta of this.deltas) {
      if (delta.version > version) break;
      const { edits } = delta.op as unknown as { edits: [number, number, string][] };
      const specs = edits.map(([from, del, insert]) => ({ from, to: from + del, insert }));
      const change = ChangeSet.of(specs, length, '\n');
      changeIds(ids, change, this.idsOf(delta));
      length = change.newLength;
    }
    return ids;
  }
}

export type Tally = { posts: number; keys: number; refused: number; restored: number; lost: Lost[] };

/** Characters that were refused together, and the version with which they were there again. */
export type Lost = { readonly ids: readonly number[]; version: number | undefined };

/**
 * One person with a text in front of them: does what the recording says as soon as the characters are there that it is about, and types again what was
 * refused. What comes from the server comes `lag` ticks late, in both directions together.
 */
export class Writer {
  readonly name: string;
  readonly copy: TextCopy;
  readonly todo: Intent[] = [];
  readonly #calls: Pick<Calls, 'send'>;
  readonly #log: Log;
  readonly #tally: Tally;
  readonly #ids: number[];
  readonly #text: (ids: readonly number[]) => string;
  /** Characters that were here, and what stood before each. */
  readonly #gone = new Map<number, number>();
  #done: Intent[] = [];
  #sent: Post | undefined;
  #marker: string;
  #seq = 0;
  /** What is on its way to this writer, in order. */
  readonly #mail: { readonly at: number; readonly open: () => void }[] = [];

  constructor(
    name: string,
    start: Polled,
    calls: Pick<Calls, 'send'>,
    log: Log,
    tally: Tally,
    text: (ids: readonly number[]) => string,
  ) {
    const told = must(start.items[0], 'the text');
    this.name = name;
    this.copy = new TextCopy(name, told.version, told.value ?? '');
    this.#ids = log.idsAt(told.version);
    this.#marker = start.marker;
    [this.#calls, this.#log, this.#tally, this.#text] = [calls, log, tally, text];
  }

  get isIdle(): boolean {
    return this.todo.length === 0 && this.copy.isSynced && this.#mail.length === 0;
  }

  read(now: number): void {
    while ((this.#mail[0]?.at ?? Number.POSITIVE_INFINITY) <= now) this.#mail.shift()?.open();
  }

  /** Does what it can. */
  write(): void {
    for (let next = this.todo[0]; next && this.#does(next); next = this.todo[0]) this.todo.shift();
  }

  #does(intent: Intent): boolean {
    const { insert } = intent;
    const place = this.#placeAfter(intent.after);
    const places = intent.remove.filter((id) => !this.#gone.has(id)).map((id) => this.#ids.indexOf(id));
    if (place < 0 || places.some((at) => at < 0)) return false;
    const removed = places.map((at) => ({ from: at, to: at + 1, insert: '' }));
    const change = ChangeSet.of(
      [{ from: place, to: place, insert: this.#text(insert) }, ...removed],
      this.#ids.length,
      '\n',
    );
    this.copy.write(change);
    this.#change(change, insert);
    for (const id of insert) this.#gone.delete(id); // typed again
    this.#done.push(intent);
    return true;
  }

  #change(change: ChangeSet, inserted: readonly number[]): void {
    changeIds(this.#ids, change, inserted, (id, left) => this.#gone.set(id, left));
  }

  /** Behind a character, or behind the one before it where somebody has deleted it; negative where it is not there yet. */
  #placeAfter(id: number): number {
    for (let left: number | undefined = id; left !== undefined; left = this.#gone.get(left)) {
      const at = left === 0 ? 0 : this.#ids.indexOf(left) + 1;
      if (left === 0 || at > 0) return at;
    }
    return -1;
  }

  /** Whether somebody else has something to learn. */
  async post(now: number, lag: number): Promise<boolean> {
    const seq = this.#seq + 1;
    const op = this.copy.send(seq);
    if (!op) return false;
    this.#seq = seq;
    const intents = this.#done;
    this.#sent = { seq, intents };
    this.#done = [];
    const order = intents.flatMap(({ insert }) => insert);
    const keys = intents.reduce((sum, { insert, remove }) => sum + insert.length + remove.length, 0);
    this.#tally.posts++;
    this.#tally.keys += keys;
    this.#log.typed.set(`${this.name}/${seq}`, this.#inTextOrder(order));
    const update = { item: ITEM, op };
    const { results } = await this.#calls.send<{ results: readonly TextAnswer[] }>('POST', UPDATES, {
      clientId: this.name,
      seq,
      updates: [update],
    });
    const answer = must(results[0], 'a result');
    if (!['ok', 'conflict', 'resync'].includes(answer.result)) throw new Error(JSON.stringify(answer));
    if (answer.result === 'ok') {
      const applied = ((answer as { op?: unknown }).op ?? { edits: op.edits }) as never;
      this.#log.deltas.push({ version: answer.version, op: applied, clientId: this.name, seq });
      for (const lost of this.#tally.lost)
        if (lost.ids.some((id) => order.includes(id))) lost.version ??= answer.version;
    }
    this.#mail.push({ at: now + lag, open: () => this.#answered(seq, answer) });
    return answer.result === 'ok';
  }

  /** Those that are still there, as they stand in the text: that is how the server tells them. */
  #inTextOrder(order: readonly number[]): readonly number[] {
    const typed = new Set(order);
    return this.#ids.filter((id) => typed.has(id));
  }

  async poll(now: number, lag: number): Promise<void> {
    const polled = await this.#calls.send<Polled>(
      'GET',
      `${UPDATES}?wait=0&marker=${encodeURIComponent(this.#marker)}`,
    );
    this.#marker = polled.marker;
    for (const told of polled.items) this.#mail.push({ at: now + lag, open: () => this.#told(told) });
  }

  #told({ version, deltas, value }: Told): void {
    if (deltas) for (const delta of deltas) this.#took(delta);
    else if (value !== undefined && version > this.copy.version) throw new Error('this reader is near');
  }

  #took(delta: TextDelta): void {
    const known = this.copy.version;
    const { change } = this.copy.took([delta]);
    if (delta.version <= known) return;
    if (change.empty) this.#isDone(delta);
    else this.#change(change, this.#log.idsOf(delta));
  }

  #isDone({ clientId, seq }: TextDelta): void {
    if (clientId === this.name && seq === this.#sent?.seq) this.#sent = undefined;
  }

  #answered(seq: number, answer: TextAnswer): void {
    if (this.#sent?.seq !== seq) return;
    const { intents } = this.#sent;
    if (answer.result === 'ok') for (const delta of answer.missed ?? []) this.#took(delta);
    const { refused } = this.copy.answered(seq, answer);
    this.#sent = undefined;
    if (answer.result === 'ok') return;
    if (answer.result === 'resync' || !refused) throw new Error('only a conflict refuses here');
    const again = [...intents, ...this.#done];
    this.#done = [];
    this.#tally.refused++;
    this.#tally.restored += again.reduce((sum, { insert, remove }) => sum + insert.length + remove.length, 0);
    this.#tally.lost.push({ ids: again.flatMap(({ insert }) => insert), version: undefined });
    this.#ids.splice(0, this.#ids.length, ...this.#log.idsAt(this.copy.version));
    for (const id of this.#ids) this.#gone.delete(id);
    this.todo.unshift(...again);
  }
}

/** Everybody types what the recording says that they do, one edit of all a tick. Settles when all have everything. `lags`: of each writer, or of all. */
export async function closedLoop(
  writers: readonly Writer[],
  intents: readonly Intent[],
  lags: number | readonly number[],
  onTick: (now: number) => void = () => undefined,
): Promise<void> {
  const lagOf = (n: number): number => (typeof lags === 'number' ? lags : must(lags[n], 'a lag each'));
  const limit = intents.length * 20 + 10_000;
  for (let now = 0; now < intents.length || writers.some((writer) => !writer.isIdle); now++) {
    if (now > limit) throw new Error('they never come to an end');
    const next = intents[now];
    if (next) must(writers[next.agent], 'a writer each').todo.push(next);
    onTick(now);
    for (const writer of writers) writer.read(now);
    for (const [n, writer] of writers.entries()) {
      writer.write();
      if (!(await writer.post(now, lagOf(n)))) continue;
      for (const [m, other] of writers.entries()) if (m !== n) await other.poll(now, Math.ceil(lagOf(m) / 2));
    }
  }
}
