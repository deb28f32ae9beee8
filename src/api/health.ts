import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '../protocol/errors.ts';
import type { AppDeps, InternalAccess } from './app-deps.ts';
import { isElsewhere } from './known-origin.ts';
import { type Replies, rawHeader } from './reply.ts';

export const SWEEP_PATH = '/internal/sweep';

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;
type HealthDeps = AppDeps & { readonly replies: Replies };

/** `/healthz`: the process runs its event loop. Says nothing about what it depends on. */
export function createHealthz({ replies }: HealthDeps): Handler {
  return async function healthz(req, res) {
    replies.json(req, res, 200, { status: 'ok' });
  };
}

/** `/readyz`, `/_ah/warmup`: asks every dependency. */
export function createReadyz({ replies, ready }: HealthDeps): Handler {
  return async function readyz(req, res) {
    const report = await ready();
    replies.json(req, res, report.ready ? 200 : 503, report, report.ready ? [] : ['Retry-After', '1']);
  };
}

export function createMetricsPage({ replies, metrics, internal }: HealthDeps): Handler {
  return async function metricsPage(req, res) {
    await requireInternal(req, internal);
    const { contentType, text } = await metrics();
    replies.bytes(req, res, 200, ['Content-Type', contentType], text);
  };
}

/** `/internal/sweep`: what `cron.yaml` calls. */
export function createSweep({ replies, engine, sweeps, internal }: HealthDeps): Handler {
  return async function sweep(req, res) {
    await requireInternal(req, internal);
    const report = await engine.sweep();
    const [resources, streams] = [await sweeps.resources.run(), await sweeps.streams.run()];
    replies.json(req, res, 200, { ...report, resources, streams });
  };
}

/** To everybody but operators these pages do not exist. */
async function requireInternal(req: IncomingMessage, internal: AppDeps['internal']): Promise<void> {
  if (internal === 'everybody') return;
  if (internal !== 'elsewhere' && (await isOperator(req, internal))) return;
  throw new ProblemError('notFound', 'there is nothing here for this caller');
}

async function isOperator(req: IncomingMessage, access: InternalAccess): Promise<boolean> {
  const secret = rawHeader(req, 'longshore-internal');
  if (access.secret !== undefined && secret !== undefined && isSame(secret, access.secret)) return true;
  if (access.onAppEngine && isCron(req)) return true;
  if (access.locally && !access.onAppEngine && isLocal(req)) return true;
  return access.isServiceAccount?.(req.rawHeaders) ?? false;
}

/** What `cron.yaml` calls, and nothing else: the header is no pass for other pages. */
function isCron(req: IncomingMessage): boolean {
  return req.url === SWEEP_PATH && rawHeader(req, 'x-appengine-cron') === 'true';
}

function isSame(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** A proxy on this machine speaks for others, and a web page for its author, who need not say who it is: neither is this machine itself. */
function isLocal(req: IncomingMessage): boolean {
  const forwarded = ['x-forwarded-for', 'forwarded', 'origin'].some((name) => rawHeader(req, name) !== undefined);
  return !forwarded && !isElsewhere(rawHeader(req, 'sec-fetch-site')) && LOOPBACK.test(req.socket.remoteAddress ?? '');
}
