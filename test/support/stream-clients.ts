import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export type Target = { readonly url: string };

const JSON_TYPE = { 'Content-Type': 'application/json' };
/** How long a server may say that it is recovering, ms. */
const PATIENCE_MS = 30_000;

export async function makeStream({ url }: Target, name: string, type: string): Promise<void> {
  const response = await fetch(`${url}/v1/stream/${name}`, { method: 'PUT', headers: { 'Content-Type': type } });
  assert.equal(response.status, 201, await response.text());
}

/** Numbers its messages, and sends each until it is acknowledged. */
export class Producer {
  readonly id: string;
  readonly #name: string;
  readonly events = new EventEmitter();
  /** Messages that were acknowledged: 0 up to this. */
  acknowledged = 0;

  constructor(id: string, name: string) {
    this.id = id;
    this.#name = name;
  }

  /** One after the other, until the server is gone. */
  async burst(server: () => Target): Promise<void> {
    const target = server();
    while ((await this.#send(target)) !== undefined);
  }

  /** What had no answer, again, and one more. */
  async repeat(target: Target): Promise<void> {
    const wanted = this.acknowledged + 2;
    const until = performance.now() + PATIENCE_MS;
    while (this.acknowledged < wanted) {
      const status = await this.#send(target);
      assert.ok(status !== undefined && performance.now() < until, `${status}`);
      if (status === 503) await sleep(200);
    }
  }

  async #send({ url }: Target): Promise<number | undefined> {
    const seq = this.acknowledged;
    const producer = { 'Producer-Id': this.id, 'Producer-Epoch': '0', 'Producer-Seq': String(seq) };
    const body = JSON.stringify([[this.id, seq]]);
    try {
      const headers = { ...JSON_TYPE, ...producer };
      const response = await fetch(`${url}/v1/stream/${this.#name}`, { method: 'POST', headers, body });
      const text = await response.text();
      assert.ok([200, 204, 503].includes(response.status), `${response.status} ${text}`);
      if (response.status !== 503) this.acknowledged++;
      this.events.emit('sent');
      return response.status;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return undefined;
    }
  }
}

/** Settles when each of them has been acknowledged so many messages. */
export async function appended(producers: readonly Producer[], count: number): Promise<void> {
  for (const producer of producers) while (producer.acknowledged < count) await once(producer.events, 'sent');
}

/** All values after an offset, page by page. */
export async function readAll<Value>({ url }: Target, name: string, offset = '-1') {
  const values: Value[] = [];
  let pages = 0;
  const until = performance.now() + PATIENCE_MS;
  for (let next = offset; ; ) {
    const response = await fetch(`${url}/v1/stream/${name}?offset=${next}`);
    if (response.status === 503 && performance.now() < until) {
      await response.text();
      await sleep(200);
      continue;
    }
    assert.equal(response.status, 200, response.statusText);
    values.push(...((await response.json()) as Value[]));
    pages++;
    next = response.headers.get('stream-next-offset') ?? '';
    if (response.headers.get('stream-up-to-date') === 'true') return { values, pages, next };
  }
}
