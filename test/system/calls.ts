import { setTimeout as sleep } from 'node:timers/promises';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse, Update, UpdateResult } from '../../src/protocol/post-update.ts';

/** Anything that listens. */
export type Target = { readonly url: string };

/** An answer, whatever its status. `body` is what its JSON says, `undefined` where there is none. */
export type Reply<Body = unknown> = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
  /** From the request to the end of the answer, ms. */
  readonly ms: number;
};

export type Problem = { readonly code: string; readonly detail: string; readonly retryAfterMs?: number };

export type Ask = {
  readonly marker?: string;
  readonly wait?: number;
  readonly limit?: number;
  readonly durable?: boolean;
  readonly clientId?: string;
};

const PATIENCE_MS = 20_000;

/** One HTTP request. `undefined`: no answer, so nobody knows what became of it. */
export async function call<Body = unknown>(
  target: Target,
  path: string,
  init: RequestInit = {},
  patienceMs = PATIENCE_MS,
): Promise<Reply<Body> | undefined> {
  const began = performance.now();
  const late = AbortSignal.timeout(patienceMs);
  try {
    const signal = init.signal ? AbortSignal.any([init.signal, late]) : late;
    const response = await fetch(`${target.url}${path}`, { ...init, signal });
    const text = await response.text();
    const body = text === '' ? undefined : parse(text);
    return { status: response.status, headers: response.headers, body, ms: performance.now() - began } as Reply<Body>;
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function post(
  target: Target,
  space: string,
  request: PostUpdateRequest,
): Promise<Reply<PostUpdateResponse> | undefined> {
  return call(target, `/v1/spaces/${space}/updates`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  });
}

export function get(
  target: Target,
  space: string,
  ask: Ask,
  signal?: AbortSignal,
): Promise<Reply<GetUpdatesResponse> | undefined> {
  const query = Object.entries(ask).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  const path = `/v1/spaces/${space}/updates${query.length > 0 ? `?${query.join('&')}` : ''}`;
  return call(target, path, signal ? { signal } : {}, PATIENCE_MS + (ask.wait ?? 0) * 1000);
}

export type ItemReply = { readonly version: number; readonly durableVersion: number; readonly value: unknown };

/** `undefined` when there is no such item; throws when the server does not say. */
export async function readItem(target: Target, space: string, item: string): Promise<ItemReply | undefined> {
  const reply = await call(target, `/v1/spaces/${space}/items/${item}`);
  if (reply?.status === 404) return undefined;
  if (reply?.status !== 200) throw new NoAnswer(`reading ${item}`, reply);
  return {
    version: Number(reply.headers.get('ETag')?.replaceAll('"', '')),
    durableVersion: Number(reply.headers.get('Longshore-Durable-Version')),
    value: reply.body,
  };
}

export class NoAnswer extends Error {
  constructor(what: string, reply: Reply | undefined) {
    super(`${what}: ${reply ? `${reply.status} ${JSON.stringify(reply.body)}` : 'no answer'}`);
  }
}

/** The body of an answer that has to be 200. */
export function must200<Body>(reply: Reply<Body> | undefined): Body {
  if (reply?.status !== 200) throw new NoAnswer('expected 200', reply);
  return reply.body;
}

const LOOK_MS = 40;
const MEASUREMENTS = 5;

/** Asks again until the answer is not `undefined`; throws when that takes longer than `ms`. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, ms = 20_000): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await sleep(LOOK_MS);
  }
}

/**
 * Measures again, a few times at most, as long as it takes longer than `ms`; the shortest time, ms. A machine that stands still for a moment says nothing of
 * its servers.
 */
export async function shortest(ms: number, measure: () => Promise<number>): Promise<number> {
  let found = Number.POSITIVE_INFINITY;
  for (let n = 0; n < MEASUREMENTS && found > ms; n++) found = Math.min(found, await measure());
  return Math.round(found);
}

/** The value of a gauge or counter, as Prometheus would read it. */
export async function metric(target: Target, name: string): Promise<number> {
  const reply = await call<string>(target, '/metrics');
  const line = reply?.body.split('\n').find((one) => one.startsWith(`longshore_${name} `));
  if (line === undefined) throw new NoAnswer(`no metric ${name}`, reply && { ...reply, body: '' });
  return Number(line.split(' ')[1]);
}

export type Accepted = UpdateResult & { readonly result: 'ok' };

/** The one result of an answer that has to be 200 and `ok`. */
export function mustBeOk(reply: Reply<PostUpdateResponse> | undefined): Accepted {
  const [result] = must200(reply).results;
  if (result?.result !== 'ok') throw new NoAnswer('expected ok', reply);
  return result;
}

/** Asks again as long as the answer is 503, as clients do where the cache or the store is silent for a moment. */
export function patiently<Body>(ask: () => Promise<Reply<Body> | undefined>): Promise<Reply<Body> | undefined> {
  return eventually('the server can answer', async () => {
    const reply = await ask();
    return reply?.status === 503 ? undefined : { reply };
  }).then(({ reply }) => reply);
}

/** Posts one update that has to be accepted. */
export async function update(target: Target, space: string, one: Update): Promise<Accepted> {
  return mustBeOk(await patiently(() => post(target, space, { updates: [one] })));
}

/** What a poll is told, which has to be told something. */
export async function told(target: Target, space: string, ask: Ask = {}): Promise<GetUpdatesResponse> {
  return must200(await patiently(() => get(target, space, ask)));
}
