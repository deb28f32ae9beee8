import { Connection } from '../load/connection.ts';
import { sleep } from '../load/measure.ts';
import { updateOf } from '../load/protocols.ts';
import { type Fleet, Polls, sendAtRate } from './fleet.ts';
import type { Raw, Seen } from './raw.ts';

const NOTHING = { posts: 0, postReceived: 0, postSent: 0, answers: 0, pollReceived: 0, pollSent: 0 };
const NOBODY = { pairs: 0, clients: 0, drawn: 0 };

/** How large and how long; a client writes its row in the store once a minute, and a picture is stored every 30 s. */
export type Size = {
  readonly spaces: number;
  readonly seconds: number;
  readonly minute: number;
  readonly drawing: number;
};
export const FULL: Size = { spaces: 300, seconds: 40, minute: 60, drawing: 90 };
export const QUICK: Size = { spaces: 300, seconds: 30, minute: 60, drawing: 35 };

const SETTLE_MS = 3_000;
/** So that what is compiled while it first runs does not count as what it costs. */
const WARM_MS = 15_000;
const CONNECTIONS = 32;
/** In flight while the store is written before each answer: its emulator is slow at first. */
const STORED_AT_ONCE = 4;
const AS_FAST_AS_IT_GOES = 1e6;
const COLD_PER_SECOND = 100;
const PICTURES = 10;
const STROKES_PER_SECOND = 20;
const AT_ONCE = 20;
const BEGIN_TURNS = 5;

const spaceOf = (n: number): string => `space${n}`;

function postOf(space: string, item: string, update: string, more = ''): Buffer {
  const body = `{"updates":[{"item":"${item}","op":{"set":${update}}${more}}]}`;
  const head = `POST /v1/spaces/${space}/updates HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n`;
  return Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
}

/** Uses so many connections, opened for this alone: the server gives up those that say nothing for a minute. `port`: of each of them. */
async function connected<T>(
  count: number,
  port: (i: number) => number,
  use: (all: Connection[]) => Promise<T>,
): Promise<T> {
  const connections = await Promise.all(Array.from({ length: count }, (_, i) => Connection.open(port(i))));
  try {
    return await use(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

function openItems(port: (i: number) => number, spaces: number, item: string): Promise<unknown> {
  const load = { perSecond: AS_FAST_AS_IT_GOES, seconds: spaces / AS_FAST_AS_IT_GOES };
  const request = (n: number) => postOf(spaceOf(n), item, updateOf(1, 0));
  return connected(STORED_AT_ONCE, port, (connections) => sendAtRate(connections, request, load));
}

/** One poll of each space at each instance. */
async function watch(fleet: Fleet, spaces: number, joined: boolean): Promise<Polls> {
  const polls = new Polls();
  const one = async (n: number): Promise<void> => {
    const ids = fleet.instances.map((_, i) => (joined ? `client${i}` : undefined));
    const markers: string[] = [];
    for (const [i, id] of ids.entries()) markers.push(await begin(fleet.portOf(i), spaceOf(n), id));
    for (const [i, id] of ids.entries()) await polls.add(fleet.portOf(i), spaceOf(n), markers[i] ?? '', id);
  };
  for (let at = 0; at < spaces; at += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, spaces - at) }, (_, i) => one(at + i)));
  }
  return polls;
}

async function begin(port: number, space: string, clientId: string | undefined): Promise<string> {
  const base = `http://127.0.0.1:${port}/v1/spaces/${space}`;
  const headers = { 'content-type': 'application/json' };
  const join = { method: 'POST', headers, body: JSON.stringify({ clientId }) };
  for (let turn = 0; ; turn++) {
    const answer = clientId === undefined ? await fetch(`${base}/updates`) : await fetch(`${base}/clients`, join);
    if (answer.ok) return ((await answer.json()) as { readonly marker: string }).marker;
    await answer.arrayBuffer();
    if (answer.status !== 503 || turn === BEGIN_TURNS) throw new Error(`${space} was answered ${answer.status}`);
    await sleep(SETTLE_MS);
  }
}

/** Polls came, and have left: the spaces are watched for a minute. */
export async function left(fleet: Fleet, { spaces, seconds }: Size): Promise<Seen> {
  const polls = await watch(fleet, spaces, false);
  await sleep(WARM_MS);
  polls.close();
  await sleep(SETTLE_MS);
  const end = await fleet.count();
  await sleep(seconds * 1_000);
  return { ...(await end()), ...NOTHING, ...NOBODY, pairs: spaces * fleet.instances.length };
}

export async function waiting(fleet: Fleet, { spaces }: Size, seconds: number, joined: boolean): Promise<Seen> {
  const polls = await watch(fleet, spaces, joined);
  await sleep(WARM_MS);
  const end = await fleet.count();
  await sleep(seconds * 1_000);
  const window = await end();
  polls.close();
  const pairs = spaces * fleet.instances.length;
  return { ...window, ...NOTHING, ...NOBODY, pairs, clients: joined ? pairs : 0 };
}

/** How much memcached holds for a space and for an item. */
export async function filling(fleet: Fleet, { spaces }: Size): Promise<Pick<Raw, 'memory'>> {
  const port = (i: number) => fleet.portOf(i);
  await openItems(port, spaces, 'a');
  const one = await fleet.cacheBytes();
  for (const item of ['b', 'c']) await openItems(port, spaces, item);
  const perItem = ((await fleet.cacheBytes()) - one) / (2 * spaces);
  return { memory: { perItem, perSpace: one / spaces - perItem } };
}

/** Each item once a second. */
export async function posting(fleet: Fleet, { spaces, seconds }: Size): Promise<Seen> {
  const port = (i: number) => fleet.portOf(i);
  await openItems(port, spaces, 'a');
  const request = (n: number) => postOf(spaceOf(n % spaces), 'a', updateOf(1, n));
  return connected(CONNECTIONS, port, async (connections) => {
    await sendAtRate(connections, request, { perSecond: spaces, seconds: WARM_MS / 1_000 });
    const end = await fleet.count();
    const { count, received, sent } = await sendAtRate(connections, request, { perSecond: spaces, seconds });
    return { ...(await end()), ...NOTHING, ...NOBODY, posts: count, postReceived: received, postSent: sent };
  });
}

export async function observed(fleet: Fleet, { spaces, seconds }: Size): Promise<Seen> {
  const port = (i: number) => fleet.portOf(i);
  await openItems(port, spaces, 'a');
  const polls = await watch(fleet, spaces, false);
  const request = (n: number) => postOf(spaceOf(n % spaces), 'a', updateOf(1, n));
  return connected(CONNECTIONS, port, async (connections) => {
    await sendAtRate(connections, request, { perSecond: spaces, seconds: WARM_MS / 1_000 });
    const end = await fleet.count();
    polls.startOver();
    const { count, received, sent } = await sendAtRate(connections, request, { perSecond: spaces, seconds });
    const window = await end();
    const { news, bytes } = polls;
    polls.close();
    const posted = { posts: count, postReceived: received, postSent: sent };
    const polled = { answers: news, pollReceived: bytes.received, pollSent: bytes.sent };
    return { ...window, ...NOBODY, ...posted, ...polled, pairs: spaces * fleet.instances.length };
  });
}

/** Everything is made at one instance, and asked for at the other. */
export async function strange(fleet: Fleet, { spaces }: Size): Promise<Pick<Raw, 'coldPosts' | 'coldPolls'>> {
  await openItems(() => fleet.portOf(0), 2 * spaces, 'a');
  const polls: Buffer[] = [];
  for (let n = 0; n < spaces; n++) {
    const space = spaceOf(spaces + n);
    const marker = await begin(fleet.portOf(0), space, undefined);
    polls.push(Buffer.from(`GET /v1/spaces/${space}/updates?marker=${marker}&wait=0 HTTP/1.1\r\nHost: bench\r\n\r\n`));
  }
  const load = { perSecond: COLD_PER_SECOND, seconds: spaces / COLD_PER_SECOND };
  const there = () => fleet.portOf(1);
  const run = (request: (n: number) => Buffer): Promise<Seen> =>
    connected(STORED_AT_ONCE, there, async (connections) => {
      const end = await fleet.count();
      const { count } = await sendAtRate(connections, request, load);
      return { ...(await end()), ...NOTHING, ...NOBODY, posts: count };
    });
  const coldPosts = await run((n) => postOf(spaceOf(n), 'a', updateOf(1, 1)));
  const coldPolls = await run((n) => polls[n % spaces] ?? Buffer.alloc(0));
  return { coldPosts, coldPolls };
}

export async function drawn(fleet: Fleet, { drawing }: Size): Promise<Seen> {
  const connection = await Connection.open(fleet.portOf(0));
  const post = (n: number, op: string, kind = '') => {
    const body = `{"updates":[{"item":"picture"${kind},"op":${op}}]}`;
    const head = `POST /v1/spaces/${spaceOf(n)}/updates HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n`;
    return Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  };
  for (let n = 0; n < PICTURES; n++) {
    await connection.ask(post(n, '{"create":{"width":640,"height":480}}', ',"kind":"picture"'));
  }
  const stroke = '{"stroke":{"color":"#0a6080","width":8,"points":[[40,40],[600,440]]}}';
  const end = await fleet.count();
  const load = { perSecond: STROKES_PER_SECOND, seconds: drawing };
  const { count } = await sendAtRate([connection], (n) => post(n % PICTURES, stroke), load);
  connection.close();
  return { ...(await end()), ...NOTHING, ...NOBODY, posts: count, drawn: PICTURES };
}
