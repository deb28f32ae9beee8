import { type IncomingMessage, request } from 'node:http';
import { WebSocket } from 'ws';
import type { Problem } from '../../src/protocol/errors.ts';
import { type GetUpdatesResponse, getUpdatesResponseSchema } from '../../src/protocol/get-updates.ts';
import { type ServerMessage, serverMessageSchema } from '../../src/protocol/socket.ts';

export type Ask = {
  readonly marker?: string;
  readonly limit?: number;
  readonly ids?: readonly string[];
  readonly durable?: boolean;
  readonly ticket?: string;
};

/** `ended`: the connection is over, and nothing was said about why. */
export type Outcome =
  | { readonly answer: GetUpdatesResponse }
  | { readonly problem: Problem }
  | { readonly ended: true };

/** One client that watches the space `board`. */
export interface Watch {
  next(): Promise<Outcome>;
  /** Takes nothing from its connection any more. */
  pause(): void;
  resume(): void;
  /** Goes away without a word. */
  cut(): void;
}

export type Transport = {
  readonly name: string;
  /** One connection for many answers. */
  readonly streams: boolean;
  readonly open: (port: number, ask: Ask) => Watch;
};

const PATH = '/v1/spaces/board';

/** What has come and was not asked for yet. */
class Inbox {
  readonly #waiting: ((outcome: Outcome) => void)[] = [];
  readonly #come: Outcome[] = [];
  #ended = false;

  put(outcome: Outcome): void {
    const taker = this.#waiting.shift();
    if (taker === undefined) this.#come.push(outcome);
    else taker(outcome);
  }

  end(): void {
    this.#ended = true;
    for (const taker of this.#waiting.splice(0)) taker({ ended: true });
  }

  async next(): Promise<Outcome> {
    const first = this.#come.shift();
    if (first !== undefined) return first;
    if (this.#ended) return { ended: true };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function searchOf(ask: Ask): string {
  const pairs = Object.entries(ask).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function parseAnswer(text: string): Outcome {
  return { answer: getUpdatesResponseSchema.parse(JSON.parse(text)) };
}

/** The body of a whole response; `undefined` when it was cut. */
function bodyOf(res: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    res.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    res.once('close', () => resolve(res.complete ? text : undefined));
  });
}

function openLongPoll(port: number, ask: Ask): Watch {
  let { marker } = ask;
  let cut: () => void = () => undefined;
  const next = (): Promise<Outcome> =>
    new Promise((resolve) => {
      const path = `${PATH}/updates${searchOf({ ...ask, ...(marker && { marker }) })}`;
      const outgoing = request({ host: '127.0.0.1', port, path, agent: false });
      cut = () => outgoing.destroy();
      outgoing.once('error', () => resolve({ ended: true }));
      outgoing.once('response', async (res) => {
        const text = await bodyOf(res);
        if (text === undefined) resolve({ ended: true });
        else if (res.statusCode !== 200) resolve({ problem: JSON.parse(text) });
        else {
          const outcome = parseAnswer(text);
          if ('answer' in outcome) marker = outcome.answer.marker;
          resolve(outcome);
        }
      });
      outgoing.end();
    });
  return { next, pause: () => undefined, resume: () => undefined, cut: () => cut() };
}

function openEvents(port: number, ask: Ask): Watch {
  const inbox = new Inbox();
  const outgoing = request({ host: '127.0.0.1', port, path: `${PATH}/updates/stream${searchOf(ask)}`, agent: false });
  let incoming: IncomingMessage | undefined;
  outgoing.once('error', () => inbox.end());
  outgoing.once('response', async (res) => {
    incoming = res;
    if (res.statusCode !== 200) {
      inbox.put({ problem: JSON.parse((await bodyOf(res)) ?? '{}') });
      inbox.end();
      return;
    }
    let rest = '';
    res.setEncoding('utf8').on('data', (chunk: string) => {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) takeEvent(event, inbox);
    });
    res.on('error', () => undefined);
    res.once('close', () => inbox.end());
  });
  outgoing.end();
  return {
    next: () => inbox.next(),
    pause: () => incoming?.pause(),
    resume: () => incoming?.resume(),
    cut: () => outgoing.destroy(),
  };
}

/** Server-sent events as WHATWG says: lines of `field: value`; one without data is not dispatched. */
export function parseEvent(text: string): { readonly [field: string]: string } {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    }),
  );
}

function takeEvent(text: string, inbox: Inbox): void {
  const { event = 'message', data, id } = parseEvent(text);
  if (data === undefined) return;
  if (event === 'problem') {
    inbox.put({ problem: JSON.parse(data) });
    return;
  }
  const outcome = parseAnswer(data);
  if (!('answer' in outcome) || outcome.answer.marker !== id) throw new Error(`the id is not the marker: ${text}`);
  inbox.put(outcome);
}

function openSocket(port: number, { ticket, ...query }: Ask): Watch {
  const inbox = new Inbox();
  const ws = new WebSocket(`ws://127.0.0.1:${port}${PATH}/socket${searchOf(ticket ? { ticket } : {})}`);
  ws.on('error', () => undefined);
  ws.once('close', () => inbox.end());
  ws.once('open', () => ws.send(JSON.stringify({ type: 'watch', id: 1, ...query })));
  ws.once('unexpected-response', async (_req, res) => {
    inbox.put({ problem: JSON.parse((await bodyOf(res)) ?? '{}') });
    inbox.end();
  });
  ws.on('message', (data) => {
    const message: ServerMessage = serverMessageSchema.parse(JSON.parse(String(data)));
    if (message.type === 'updates') inbox.put({ answer: message.answer });
    else if (message.type === 'problem') inbox.put({ problem: message.problem as Problem });
  });
  return {
    next: () => inbox.next(),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    cut: () => ws.terminate(),
  };
}

export const LONG_POLL: Transport = { name: 'long-poll', streams: false, open: openLongPoll };
export const EVENTS: Transport = { name: 'server-sent events', streams: true, open: openEvents };
export const SOCKET: Transport = { name: 'WebSocket', streams: true, open: openSocket };
