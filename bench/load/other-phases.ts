import { cpuOf, residentOf } from '../host/cpu.ts';
import { Connection } from './connection.ts';
import type { Job, Result } from './job.ts';
import { type Cost, sleep, startCost, Times } from './measure.ts';
import { eachMark, PROTOCOLS, updateOf } from './protocols.ts';

type Phase<Name> = Extract<Job, { readonly phase: Name }>;

const CONNECTIONS = 64;
const SPACES = 64;
const ITEMS = 1_000;

/** Each connection asks again as soon as it is answered. `request` is told how many requests there were before. */
class ClosedLoop {
  times = new Times();
  readonly #connections: readonly Connection[];
  readonly #request: (count: number) => Buffer;
  #count = 0;
  #limit = Number.POSITIVE_INFINITY;
  #busy = 0;
  #whenIdle: () => void = () => undefined;

  constructor(connections: readonly Connection[], request: (count: number) => Buffer) {
    this.#connections = connections;
    this.#request = request;
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
    connection.onAnswer = () => {
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
  const result = closedLoopResult(stop(), times);
  loop.stop();
  await ended;
  loop.close();
  return result;
}

function closedLoopResult(cost: Cost, times: Times): Result {
  const { count } = times;
  return {
    rate: count / cost.seconds,
    us: cost.server / count,
    cacheUs: cost.memcached / count,
    generatorUs: cost.generator / count,
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    others: cost.others,
  };
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

/** Reads of the last 100 updates: for Longshore of 100 items, from a marker that knows none of them. */
export async function catchUp(job: Phase<'D'>): Promise<Result> {
  const { target } = job;
  const protocol = PROTOCOLS[target.protocol];
  const connections = await connect(target.port, CONNECTIONS);
  const [first] = connections;
  if (first === undefined) throw new Error('no connection');
  const position = protocol.readPosition(await first.ask(protocol.begin('late')));
  for (let i = 0; i < CAUGHT_UP; i++) await first.ask(protocol.post('late', `item${i}`, updateOf(1, i)));
  const request = protocol.catchUp('late', position);
  const body = Buffer.from(await first.ask(request));
  let found = 0;
  eachMark(body, () => found++);
  if (found !== CAUGHT_UP) throw new Error(`${found} updates in an answer that should have ${CAUGHT_UP}`);
  const result = await measured(new ClosedLoop(connections, () => request), job);
  return { ...result, bytes: body.length };
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
