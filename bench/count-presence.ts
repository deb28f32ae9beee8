/** What clients cost memcached: a space full of them over two instances, silent, and with cursors that move. */
import { withPair } from './counts.ts';
import type { CacheTap } from './host/cache-tap.ts';
import { Connection } from './load/connection.ts';
import type { Result } from './load/job.ts';
import { sleep } from './load/measure.ts';

const SPACE = 'people';
const JOINS_AT_ONCE = 20;
const SETTLE_MS = 5_000;
const MARKER = /"marker":"([^"]+)"/;

export type PresenceLoad = {
  readonly clients: number;
  /** How many of them move their cursor, and how often each. */
  readonly moving: number;
  readonly movesPerSecond: number;
  readonly seconds: number;
};

type Told = { answers: number; bytes: number };

/** Per client and second: calls to memcached (a multi-get is one), and bytes to and from it, over both instances; and what is told to each. */
export function countPresence({ clients, moving, movesPerSecond, seconds }: PresenceLoad): Promise<Result> {
  return withPair(async ({ near, far, nearTap, farTap }) => {
    const ports = [near.target.port, far.target.port];
    const told: Told = { answers: 0, bytes: 0 };
    const polls: Connection[] = [];
    // All join before anybody listens: a thousand who hear of a thousand joins are another matter.
    let marker = '';
    for (let at = 0; at < clients; at += JOINS_AT_ONCE) {
      const some = Array.from({ length: Math.min(JOINS_AT_ONCE, clients - at) }, (_, i) => at + i);
      const markers = await Promise.all(some.map((n) => joinSpace(ports[n % 2] ?? 0, n)));
      marker = markers.at(-1) ?? marker;
    }
    for (let n = 0; n < clients; n++) polls.push(await follow(ports[n % 2] ?? 0, n, marker, told));
    await sleep(SETTLE_MS);
    const taps = [nearTap, farTap];
    const total = begin(taps);
    told.answers = told.bytes = 0;
    const began = performance.now();
    const moves = await move(ports, moving, movesPerSecond, seconds);
    const took = (performance.now() - began) / 1_000;
    const { calls, bytes } = total();
    for (const poll of polls) poll.close();
    const per = clients * took;
    return {
      moves: moves / took,
      cacheCalls: calls / per,
      cacheBytes: bytes / per,
      toldAnswers: told.answers / per,
      toldBytes: told.bytes / per,
    };
  });
}

function begin(taps: readonly CacheTap[]) {
  const before = taps.map((tap) => {
    tap.taken();
    return tap.bytes.count;
  });
  return () => {
    const calls = taps.reduce((sum, tap) => sum + tap.taken().reduce((all, trip) => all + trip.length, 0), 0);
    const bytes = taps.reduce((sum, tap, i) => sum + tap.bytes.count - (before[i] ?? 0), 0);
    return { calls, bytes };
  };
}

async function joinSpace(port: number, n: number): Promise<string> {
  const body = JSON.stringify({ clientId: `client-${n}`, name: `Client ${n}` });
  for (let turn = 0; ; turn++) {
    const answer = await fetch(urlOf(port, ''), { method: 'POST', headers: JSON_TYPE, body });
    const marker = MARKER.exec(await answer.text())?.[1];
    if (answer.status === 201 && marker !== undefined) return marker;
    if (answer.status !== 503 || turn === 5) throw new Error(`a join was answered ${answer.status}`);
    await sleep(1_000);
  }
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

function urlOf(port: number, path: string): string {
  return `http://127.0.0.1:${port}/v1/spaces/${SPACE}/clients${path}`;
}

/** Polls again at once with the marker it got. */
async function follow(port: number, n: number, first: string, told: Told): Promise<Connection> {
  const connection = await Connection.open(port);
  const ask = (marker: string) =>
    connection.send(
      Buffer.from(
        `GET /v1/spaces/${SPACE}/updates?marker=${marker}&clientId=client-${n}&wait=50 HTTP/1.1\r\nHost: bench\r\n\r\n`,
      ),
    );
  connection.onAnswer = (body) => {
    told.answers++;
    told.bytes += body.length;
    ask(MARKER.exec(body.toString('latin1', 0, 5_000))?.[1] ?? '');
  };
  ask(first);
  return connection;
}

/** Settles after `seconds`; returns how many moves were made. */
async function move(ports: readonly number[], moving: number, perSecond: number, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let moves = 0;
  const one = async (n: number) => {
    for (let turn = 0; performance.now() < end; turn++) {
      const due = performance.now() + 1_000 / perSecond;
      const body = JSON.stringify({ data: { cursor: [turn % 1_000, n] } });
      const answer = await fetch(urlOf(ports[n % 2] ?? 0, `/client-${n}`), {
        method: 'PATCH',
        headers: JSON_TYPE,
        body,
      });
      await answer.arrayBuffer();
      if (answer.status === 204) moves++;
      else if (answer.status !== 429) throw new Error(`a move was answered ${answer.status}`);
      await sleep(Math.max(0, Math.min(due, end) - performance.now()));
    }
  };
  if (moving === 0) await sleep(seconds * 1_000);
  else await Promise.all(Array.from({ length: moving }, (_, n) => one(n)));
  return moves;
}
