import { startDatastoreEmulator } from '../../test/support/datastore-emulator.ts';
import { Connection } from '../load/connection.ts';
import { sleep } from '../load/measure.ts';
import { updateOf } from '../load/protocols.ts';
import { Fleet, Polls, refusals, sendAtRate, type Window } from './fleet.ts';

/** What was seen while something went on. The bytes are those between clients and instances, HTTP headers included. */
export type Seen = Window & {
  /** Or, of cold polls, those. */
  readonly posts: number;
  readonly postReceived: number;
  readonly postSent: number;
  /** Answers with news, over all polls. */
  readonly answers: number;
  readonly pollReceived: number;
  readonly pollSent: number;
  /** Spaces that somebody waits for, counted at each instance. */
  readonly pairs: number;
  readonly clients: number;
  readonly drawn: number;
};

export type Raw = {
  /** Polls wait, nothing happens. */
  readonly rest: Seen;
  /** The same, by clients that joined. */
  readonly joined: Seen;
  /** Posts, nobody waits. */
  readonly posts: Seen;
  /** Posts that are stored before their answer. */
  readonly durable: Seen;
  /** Posts, and polls of each space at each instance. */
  readonly moving: Seen;
  /** The first post, and the first poll, of each space at an instance that has not heard of it for a while. */
  readonly coldPosts: Seen;
  readonly coldPolls: Seen;
  /** Pictures that are drawn on. */
  readonly drawing: Seen;
  readonly memory: { readonly perSpace: number; readonly perItem: number };
};

const NOTHING = { posts: 0, postReceived: 0, postSent: 0, answers: 0, pollReceived: 0, pollSent: 0 };
const NOBODY = { pairs: 0, clients: 0, drawn: 0 };

/** How large and how long; a client writes its row in the store once a minute, and a picture is stored every 30 s. */
type Size = { readonly spaces: number; readonly seconds: number; readonly minute: number; readonly drawing: number };
const FULL: Size = { spaces: 1_000, seconds: 40, minute: 60, drawing: 90 };
const QUICK: Size = { spaces: 300, seconds: 12, minute: 60, drawing: 35 };

const SETTLE_MS = 3_000;
const CONNECTIONS = 32;
/** In flight while the store is written before each answer: its emulator is slow at first. */
const STORED_AT_ONCE = 4;
const AS_FAST_AS_IT_GOES = 1e6;
const COLD_PER_SECOND = 100;
const DURABLE_PER_SECOND = 150;
const PICTURES = 10;
const STROKES_PER_SECOND = 20;
const AT_ONCE = 20;
const BEGIN_TURNS = 5;

/** A case that fails because this machine has too much to do, or the emulator has only begun, is done again with new servers. */
const TURNS = 3;

export async function measureCosts(quick: boolean, nodeFlags: readonly string[]): Promise<Raw> {
  const size = quick ? QUICK : FULL;
  const within = async <T>(name: string, use: (fleet: Fleet) => Promise<T>): Promise<T> => {
    for (let turn = 1; ; turn++) {
      console.log(`  U.${name}`);
      try {
        return await onFleet(nodeFlags, use);
      } catch (error) {
        if (turn === TURNS) throw error;
        console.log(`  again: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  const rest = await within('rest', (fleet) => waiting(fleet, size, size.seconds, false));
  const joined = await within('joined', (fleet) => waiting(fleet, size, size.minute, true));
  const { memory, ...writing } = await within('posts', (fleet) => posting(fleet, size));
  const moving = await within('moving', (fleet) => observed(fleet, size));
  const cold = await within('cold', (fleet) => strange(fleet, size));
  const drawing = await within('drawing', (fleet) => drawn(fleet, size));
  if (refusals() > 0) {
    const disturbed = `${refusals()} requests were refused because this machine was too busy`;
    if (!quick) throw new Error(`${disturbed}: measure again`);
    console.log(`  ${disturbed}; the figures are rough`);
  }
  return { rest, joined, ...writing, moving, ...cold, drawing, memory };
}

async function onFleet<T>(nodeFlags: readonly string[], use: (fleet: Fleet) => Promise<T>): Promise<T> {
  // One for each case: it becomes slower with what it holds.
  const emulator = await startDatastoreEmulator();
  if ('missing' in emulator) throw new Error(`unit costs cannot be measured: ${emulator.missing}`);
  try {
    const fleet = await Fleet.open(emulator.host, nodeFlags);
    try {
      return await use(fleet);
    } finally {
      await fleet.close();
    }
  } finally {
    await emulator.stop();
  }
}

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

async function waiting(fleet: Fleet, { spaces }: Size, seconds: number, joined: boolean): Promise<Seen> {
  const polls = await watch(fleet, spaces, joined);
  await sleep(SETTLE_MS);
  const end = await fleet.count();
  await sleep(seconds * 1_000);
  const window = await end();
  polls.close();
  const pairs = spaces * fleet.instances.length;
  return { ...window, ...NOTHING, ...NOBODY, pairs, clients: joined ? pairs : 0 };
}

async function posting(fleet: Fleet, { spaces, seconds }: Size): Promise<Pick<Raw, 'posts' | 'durable' | 'memory'>> {
  const port = (i: number) => fleet.portOf(i);
  await openItems(port, spaces, 'a');
  const one = await fleet.cacheBytes();
  for (const item of ['b', 'c']) await openItems(port, spaces, item);
  const perItem = ((await fleet.cacheBytes()) - one) / (2 * spaces);
  const memory = { perItem, perSpace: one / spaces - perItem };

  const run = async (some: readonly Connection[], perSecond: number, more = ''): Promise<Seen> => {
    const request = (n: number) => postOf(spaceOf(n % spaces), 'a', updateOf(1, n), more);
    await sendAtRate(some, request, { perSecond, seconds: SETTLE_MS / 1_000 });
    const end = await fleet.count();
    const { count, received, sent } = await sendAtRate(some, request, { perSecond, seconds });
    return { ...(await end()), ...NOTHING, ...NOBODY, posts: count, postReceived: received, postSent: sent };
  };
  const posts = await connected(CONNECTIONS, port, (all) => run(all, spaces));
  // What is left of the others must not be stored in between.
  await sleep(5 * SETTLE_MS);
  const durable = await connected(STORED_AT_ONCE, port, (all) => run(all, DURABLE_PER_SECOND, ',"durable":true'));
  return { posts, durable, memory };
}

async function observed(fleet: Fleet, { spaces, seconds }: Size): Promise<Seen> {
  const port = (i: number) => fleet.portOf(i);
  await openItems(port, spaces, 'a');
  const polls = await watch(fleet, spaces, false);
  const request = (n: number) => postOf(spaceOf(n % spaces), 'a', updateOf(1, n));
  return connected(CONNECTIONS, port, async (connections) => {
    await sendAtRate(connections, request, { perSecond: spaces, seconds: SETTLE_MS / 1_000 });
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
async function strange(fleet: Fleet, { spaces }: Size): Promise<Pick<Raw, 'coldPosts' | 'coldPolls'>> {
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

async function drawn(fleet: Fleet, { drawing }: Size): Promise<Seen> {
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
