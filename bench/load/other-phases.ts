import { cpuOf, residentOf } from '../host/cpu.ts';
import { Connection } from './connection.ts';
import type { Job, Result } from './job.ts';
import { costOfEach, sleep, startCost, Times } from './measure.ts';
import { eachMark, PROTOCOLS, type Protocol, updateOf } from './protocols.ts';

type Phase<Name> = Extract<Job, { readonly phase: Name }>;

const CONNECTIONS = 64;
const SPACES = 64;
const ITEMS = 1_000;

/** Each connection asks again as soon as it is answered. `request` is told how many requests there were before. */
class ClosedLoop {
  times = new Times();
  readonly #connections: readonly Connection[];
  readonly #request: (count: number) => Buffer;
  readonly #look: (body: Buffer) => void;
  #count = 0;
  #limit = Number.POSITIVE_INFINITY;
  #busy = 0;
  #whenIdle: () => void = () => undefined;

  constructor(
    connections: readonly Connection[],
    request: (count: number) => Buffer,
    look: (body: Buffer) => void = () => undefined,
  ) {
    this.#connections = connections;
    this.#request = request;
    this.#look = look;
  }

  /** Settles when `limit` requests have been answered, or `stop` was called and all is answered. */
  run(limit = Number.POSITIVE_INFINITY): Promise<void> {
    this.#count = 0;
    this.#limit = limit;
    this.#busy = this.#connections.length;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    for (const connection of this.#connections) this.#next(connection);
    return idle;
  }

  stop(): void {
    this.#limit = 0;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #next(connection: Connection): void {
    if (this.#count >= this.#limit) {
      if (--this.#busy === 0) this.#whenIdle();
      return;
    }
    const sentAt = performance.now();
    connection.onAnswer = (body) => {
      this.#look(body);
      this.times.add(performance.now() - sentAt);
      this.#next(connection);
    };
    connection.send(this.#request(this.#count++));
  }
}

async function measured(loop: ClosedLoop, { target: { pids }, warmUp, seconds }: Job): Promise<Result> {
  const ended = loop.run();
  await sleep(warmUp * 1_000);
  loop.times = new Times();
  const stop = startCost(pids);
  await sleep(seconds * 1_000);
  const { times } = loop;
  const result = costOfEach(stop(), times.count, times);
  loop.stop();
  await ended;
  loop.close();
  return result;
}

function connect(port: number, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(port)));
}

/** Posts of 1,000 items in 64 spaces; each of them was there before. */
export async function post(job: Phase<'B'>): Promise<Result> {
  const { target } = job;
  const protocol = PROTOCOLS[target.protocol];
  const request = (count: number): Buffer => {
    const item = count % ITEMS;
    return protocol.post(`space${item % SPACES}`, `item${item}`, updateOf(1, count));
  };
  const loop = new ClosedLoop(await connect(target.port, CONNECTIONS), request);
  await loop.run(ITEMS);
  return measured(loop, job);
}

const CAUGHT_UP = 100;

/** A space of 100 items, and a position that knows none of them. */
async function fill(protocol: Protocol, connection: Connection): Promise<string> {
  const position = protocol.readPosition(await connection.ask(protocol.begin('late')));
  for (let i = 0; i < CAUGHT_UP; i++) await connection.ask(protocol.post('late', `item${i}`, updateOf(1, i)));
  let found = 0;
  eachMark(Buffer.from(await connection.ask(protocol.catchUp('late', position))), () => found++);
  if (found !== CAUGHT_UP) throw new Error(`${found} updates in an answer that should have ${CAUGHT_UP}`);
  return position;
}

/** Reads of the last 100 updates: for Longshore of 100 items, from a marker that knows none of them. */
export async function catchUp(job: Phase<'D'>): Promise<Result> {
  const { target } = job;
  const protocol = PROTOCOLS[target.protocol];
  const connections = await connect(target.port, CONNECTIONS);
  const [first] = connections;
  if (first === undefined) throw new Error('no connection');
  const request = protocol.catchUp('late', await fill(protocol, first));
  const bytes = Buffer.byteLength(await first.ask(request));
  const result = await measured(new ClosedLoop(connections, () => request), job);
  return { ...result, bytes };
}

/** Limits above the number of items: other questions with the same answer. */
const OTHER_LIMITS = 400;

/** The same by few connections, so that each look is for few polls; `bytes` are those on the wire. */
export async function askAgain(job: Phase<'K'>): Promise<Result> {
  const { target, connections: count, alike, accepts } = job;
  const protocol = PROTOCOLS[target.protocol];
  const connections = await connect(target.port, count);
  const [first] = connections;
  if (first === undefined) throw new Error('no connection');
  const position = await fill(protocol, first);
  const requests = Array.from({ length: alike ? 1 : OTHER_LIMITS }, (_, i) =>
    protocol.catchUp('late', position, { limit: CAUGHT_UP + i, ...(accepts && { accepts }) }),
  );
  let bytes = 0;
  const loop = new ClosedLoop(
    connections,
    (i) => requests[i % requests.length] as Buffer,
    (body) => {
      bytes = body.length;
    },
  );
  return { ...(await measured(loop, job)), bytes };
}

const CONNECT_AT_ONCE = 200;

/** Waiters with nothing to tell them: what each costs in memory, and all of them in time. */
export async function idle({ target, waiters, spaces, warmUp, seconds }: Phase<'C'>): Promise<Result> {
  const protocol = PROTOCOLS[target.protocol];
  const [asking] = await connect(target.port, 1);
  if (asking === undefined) throw new Error('no connection');
  const pollOf = async (space: string): Promise<Buffer> => {
    await asking.ask(protocol.post(space, 'item', updateOf(1, 0)));
    return protocol.poll(space, protocol.readPosition(await asking.ask(protocol.begin(space))));
  };
  const requests = [await pollOf('idle0')];
  for (let i = 0; i < 500; i++) await asking.ask(protocol.begin('idle0')); // what the first requests cost is not the waiters'
  await sleep(1_000);
  const { server } = target.pids;
  const before = residentOf(server);
  for (let i = 1; i < spaces; i++) requests.push(await pollOf(`idle${i}`));
  const open: Connection[] = [];
  for (let at = 0; at < waiters; at += CONNECT_AT_ONCE) {
    const batch = await connect(target.port, Math.min(CONNECT_AT_ONCE, waiters - at));
    for (const connection of batch) {
      const request = requests[open.length % spaces];
      if (request === undefined) throw new Error('no request');
      connection.onAnswer = () => {
        throw new Error('a waiter was answered');
      };
      connection.send(request);
      open.push(connection);
    }
    await sleep(10);
  }
  await sleep(warmUp * 1_000);
  const grown = residentOf(server) - before;
  const cpu = cpuOf(server);
  await sleep(seconds * 1_000);
  const idleCpu = (cpuOf(server) - cpu) / (seconds * 1e6);
  for (const connection of [asking, ...open]) connection.close();
  return { kilobytes: grown / waiters / 1_024, idleCpu };
}
