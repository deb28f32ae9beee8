import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { AppDeps } from '../../src/api/app-deps.ts';
import { createApp } from '../../src/api/create-app.ts';
import { describeApi } from '../../src/api/openapi.ts';
import { OPEN_ACCESS } from '../../src/auth/access.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { Limits } from '../../src/core/limits/limits.ts';
import { type LimitsConfig, NO_LIMITS } from '../../src/core/limits/limits-config.ts';
import { createSpaceAdmin, type SpaceAdmin } from '../../src/core/spaces/space-admin.ts';
import { Streams } from '../../src/core/streams/streams.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Counts } from '../../src/ports/counts.ts';
import { FakeEngine } from '../doubles/fake-engine.ts';
import { makeTickets } from '../support/callers.ts';
import { realClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { makeResources } from '../support/resources.ts';

export const ORIGIN = 'https://app.example';

export type App = {
  readonly engine: FakeEngine;
  readonly log: RecordedLog;
  readonly spaces: SpaceAdmin;
  readonly listener: RequestListener;
  readonly deps: AppDeps;
};

/** The HTTP side over a fake engine. */
export function makeApp(options: Partial<AppDeps> = {}): App {
  const engine = new FakeEngine();
  const log = new RecordedLog();
  const { resources, uploads, sweeper } = makeResources();
  const parts = { store: createMemoryStore(), clock: realClock, kinds: KINDS, persistMs: 5_000 };
  const spaces = createSpaceAdmin({ ...parts, engine, changed: () => {} });
  const streams = new Streams({
    engine: options.engine ?? engine,
    store: parts.store,
    clock: realClock,
    random: { fraction: () => 0.5, id: () => 'random' },
    log,
    waitMs: 100,
  });
  const deps: AppDeps = {
    engine,
    spaces,
    limits: makeLimits(),
    resources,
    uploads,
    streams,
    sweeps: { resources: sweeper.sweeps, streams: streams.sweeps },
    proxyHops: 0,
    log,
    instance: 'test',
    allowedOrigins: [ORIGIN],
    pages: true,
    access: OPEN_ACCESS,
    tickets: makeTickets(),
    internal: { locally: true, onAppEngine: false },
    clock: realClock,
    random: { fraction: () => 0.5, id: () => 'random' },
    meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
    ready: async () => ({ ready: true, dependencies: { cache: { state: 'ok' } } }),
    refusal: () => undefined,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'longshore_up 1\n' }),
    ...options,
  };
  return { engine, log, spaces, listener: createApp(deps), deps };
}

/** Limits of one process that shares its counts with nobody; without a config, nobody has any. */
export function makeLimits(config: LimitsConfig = NO_LIMITS, clock: Clock = realClock): Limits {
  const counts: Counts = { add: () => Promise.reject(new Error('nobody to share with')) };
  const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  return new Limits({ clock, counts, metrics, config, random: { fraction: () => 0.5, id: () => 'id' } });
}

export type Sent = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};
export type Answered = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, where it is JSON of whatever kind. */
  readonly json: ReturnType<typeof JSON.parse>;
};

export const JSON_TYPE = { 'Content-Type': 'application/json' };

/** One request over a real connection, byte for byte as given; the answer is held against the OpenAPI document. */
export async function send(listener: RequestListener, sent: Sent): Promise<Answered> {
  const server = await listen(listener);
  try {
    return await sendTo(server.port, sent);
  } finally {
    await server.close();
  }
}

export type Listening = { readonly server: Server; readonly port: number; close(): Promise<void> };

export async function listen(listener: RequestListener): Promise<Listening> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { server, port: (server.address() as AddressInfo).port, close };
}

export async function sendTo(port: number, { method = 'GET', path, headers = {}, body }: Sent): Promise<Answered> {
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent: false });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  const text = (await buffer(incoming)).toString();
  const isJson = /\bjson\b/.test(incoming.headers['content-type'] ?? '') && text !== '';
  const { statusCode: status, headers: got } = incoming;
  const answered = { status, headers: got, text, json: isJson ? JSON.parse(text) : undefined };
  checkAnswer(method, path, answered);
  return answered;
}

export function postJson(listener: RequestListener, path: string, value: unknown, headers = {}): Promise<Answered> {
  return send(listener, { method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(value) });
}

type Operation = { responses: { [status: string]: { content?: { [type: string]: { schema: object } } } } };
type Document = { paths: { [path: string]: { [method: string]: Operation } } };

const document = describeApi() as Document;
const ajv = new Ajv2020({ strict: false });
ajv.addSchema(document, 'api');

/** Fails unless the API document has this status for the operation and the body is of its schema. Other paths pass. */
export function checkAnswer(method: string, url: string, { status, headers, json, text }: Answered): void {
  if (method === 'HEAD') return;
  const path = url.split('?')[0] ?? '';
  const template = Object.keys(document.paths).find((one) => toPattern(one).test(path));
  const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
  if (template === undefined || operation === undefined || status === 404 || status >= 500) {
    if (status >= 400 && json?.dependencies === undefined) checkProblem(status, headers, json);
    return;
  }
  const response = operation.responses[String(status)];
  assert.ok(response, `${method} ${template} is not documented to answer ${status}: ${JSON.stringify(json)}`);
  if (response.content === undefined) return;
  const type = (headers['content-type'] ?? '').split(';')[0] ?? '';
  const schema = response.content[type]?.schema;
  assert.ok(schema, `${method} ${template} ${status} is not documented to be ${type}`);
  validate(schema, /\bjson\b/.test(type) ? json : text);
}

const PROBLEM = { $ref: '#/components/schemas/Problem' };

function checkProblem(status: number, headers: IncomingHttpHeaders, json: unknown): void {
  assert.equal(headers['content-type'], 'application/problem+json');
  validate(PROBLEM, json);
  assert.equal((json as { status: number }).status, status);
}

/** Compiled once: that takes longer than many an answer. */
const checks = new WeakMap<object, ValidateFunction>();

function validate(schema: object, value: unknown): void {
  const check = checks.get(schema) ?? ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')));
  checks.set(schema, check);
  assert.ok(check(value), `${ajv.errorsText(check.errors)}: ${JSON.stringify(value)}`);
}

function toPattern(template: string): RegExp {
  return new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`);
}
