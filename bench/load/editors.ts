import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { ChangeSet } from '@codemirror/state';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { type TextAnswer, TextCopy, type TextDelta } from '../../src/client/text/text-copy.ts';
import { sleep } from './measure.ts';

/** Somebody with a text in front of them. `seen`: called with who typed, and how many keys of theirs are there now. */
export interface Editor {
  /** One key at the end of a line of one's own. */
  type(): void;
  readonly bytes: number;
  close(): void;
}

export type Seen = (author: number, keys: number) => void;

const SPACE = 'office';
const LINES = 10;

class LongshoreEditor implements Editor {
  readonly #place: number;
  readonly #seen: Seen;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  readonly #keys = new Map<string, number>();
  readonly #copy: TextCopy;
  #marker: string;
  #seq = 0;
  #closed = false;

  constructor(port: number, place: number, seen: Seen, start: Snapshot) {
    [this.#port, this.#place, this.#seen, this.#marker] = [port, place, seen, start.marker];
    const [item] = start.items;
    this.#copy = new TextCopy(`e${place}`, item?.version ?? 0, item?.value ?? '');
    void this.#listen();
  }

  get bytes(): number {
    return [...this.#sockets].reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0);
  }

  type(): void {
    const { shown } = this.#copy;
    this.#copy.write(ChangeSet.of({ from: shown.line(this.#place + 1).to, insert: 'k' }, shown.length));
    void this.#post();
  }

  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  async #post(): Promise<void> {
    const seq = this.#seq + 1;
    const op = this.#copy.send(seq);
    if (!op) return;
    this.#seq = seq;
    const body = { clientId: `e${this.#place}`, seq, updates: [{ item: 'text', op }] };
    const { results } = await this.#ask<{ results: readonly TextAnswer[] }>(
      'POST',
      `/v1/spaces/${SPACE}/updates`,
      body,
    );
    const [answer] = results;
    if (answer?.result !== 'ok') throw new Error(`refused: ${JSON.stringify(answer)}`);
    // Here news count from the poll alone, so that both are measured by what others show.
    this.#copy.answered(seq, answer);
    await this.#post();
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      const path = `/v1/spaces/${SPACE}/updates?wait=25&marker=${encodeURIComponent(this.#marker)}`;
      const { marker, items } = await this.#ask<Snapshot>('GET', path).catch(() => ({
        marker: this.#marker,
        items: [],
      }));
      this.#marker = marker;
      for (const { deltas, version, value } of items) {
        if (deltas) this.#take(deltas);
        else if (value !== undefined && version > this.#copy.version) throw new Error('an editor fell too far behind');
      }
    }
  }

  #take(deltas: readonly TextDelta[]): void {
    this.#copy.took(deltas);
    for (const { clientId = '', op } of deltas) {
      const { edits } = op as unknown as { readonly edits: readonly (readonly [number, number, string])[] };
      const keys = (this.#keys.get(clientId) ?? 0) + edits.reduce((sum, [, , ins]) => sum + ins.length, 0);
      this.#keys.set(clientId, keys);
      this.#seen(Number(clientId.slice(1)), keys);
    }
  }

  #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(
        { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers },
        (res) => {
          const parts: Buffer[] = [];
          res.on('data', (part: Buffer) => parts.push(part));
          res.on('end', () => {
            const text = Buffer.concat(parts).toString();
            if (res.statusCode === 200) resolve(JSON.parse(text) as T);
            else reject(new Error(`${res.statusCode} ${text}`));
          });
        },
      );
      sent.on('socket', (socket) => this.#sockets.add(socket));
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

type Snapshot = {
  readonly marker: string;
  readonly items: readonly {
    readonly version: number;
    readonly value?: string;
    readonly deltas?: readonly TextDelta[];
  }[];
};

class YjsEditor implements Editor {
  readonly doc = new Y.Doc();
  readonly provider: WebsocketProvider;
  readonly #place: number;

  constructor(port: number, place: number) {
    this.#place = place;
    const polyfill = WebSocket as unknown as typeof globalThis.WebSocket;
    const options = { WebSocketPolyfill: polyfill, disableBc: true };
    this.provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, SPACE, this.doc, options);
  }

  get bytes(): number {
    const { _socket: socket } = this.provider.ws as unknown as { readonly _socket?: Socket };
    return socket ? socket.bytesRead + socket.bytesWritten : 0;
  }

  type(): void {
    const text = this.doc.getText('text');
    const lines = text.toString().split('\n');
    const at = lines.slice(0, this.#place + 1).join('\n').length;
    text.insert(at, 'k');
  }

  /** Keys are counted as its own clocks count them. */
  watch(authors: ReadonlyMap<number, readonly [place: number, before: number]>, seen: Seen): void {
    this.doc.on('afterTransaction', ({ beforeState, afterState }: Y.Transaction) => {
      for (const [client, clock] of afterState) {
        const author = authors.get(client);
        if (author && client !== this.doc.clientID && clock !== beforeState.get(client))
          seen(author[0], clock - author[1]);
      }
    });
  }

  close(): void {
    this.provider.destroy();
    this.doc.destroy();
  }
}

/** All of them with the same text of so many characters, and up to date. */
export async function openEditors(
  target: { readonly yjs?: true; readonly port: number },
  count: number,
  chars: number,
  seen: (editor: number) => Seen,
): Promise<Editor[]> {
  const text = Array.from({ length: LINES }, () => 'x'.repeat(chars / LINES)).join('\n');
  return target.yjs ? openYjs(target.port, count, text, seen) : openOurs(target.port, count, text, seen);
}

async function openOurs(port: number, count: number, text: string, seen: (editor: number) => Seen): Promise<Editor[]> {
  const path = `http://127.0.0.1:${port}/v1/spaces/${SPACE}/updates`;
  const body = JSON.stringify({ updates: [{ item: 'text', kind: 'text', op: { create: { text } } }] });
  const made = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (made.status !== 200) throw new Error(`no text: ${made.status} ${await made.text()}`);
  await made.arrayBuffer();
  const editors: Editor[] = [];
  for (let place = 0; place < count; place++) {
    const start = (await (await fetch(path)).json()) as Snapshot;
    editors.push(new LongshoreEditor(port, place, seen(place), start));
  }
  await sleep(300);
  return editors;
}

async function openYjs(port: number, count: number, text: string, seen: (editor: number) => Seen): Promise<Editor[]> {
  const editors = Array.from({ length: count }, (_, place) => new YjsEditor(port, place));
  const [first] = editors;
  for (let look = 0; editors.some(({ provider }) => !provider.synced) && look < 200; look++) await sleep(25);
  first?.doc.getText('text').insert(0, text);
  const whole = (editor: YjsEditor) => editor.doc.getText('text').length === text.length;
  for (let look = 0; !editors.every(whole) && look < 200; look++) await sleep(25);
  if (!editors.every(whole)) throw new Error('the editors do not get the text');
  const authors = new Map(
    editors.map(({ doc }, place) => [doc.clientID, [place, place === 0 ? text.length : 0] as const] as const),
  );
  for (const [place, editor] of editors.entries()) editor.watch(authors, seen(place));
  return editors;
}
