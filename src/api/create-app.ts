import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Router } from 'express';
import { STREAM_PREFIX } from '../core/streams/stream-path.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { AppDeps } from './app-deps.ts';
import { ExactRoutes, type RouteDeps } from './exact-routes.ts';
import { createGetUpdates } from './get-updates.ts';
import { createHealthz, createMetricsPage, createReadyz, createSweep, SWEEP_PATH } from './health.ts';
import { writeRefusal } from './known-origin.ts';
import { createOpenapi } from './openapi.ts';
import { createPages } from './page.ts';
import { matchUpdates } from './path.ts';
import { createPostUpdate } from './post-update.ts';
import { Replies } from './reply.ts';
import { createSite } from './site.ts';
import { createSpaceRoutes } from './space-routes.ts';
import { createStreams } from './streams.ts';
import { sendError } from './to-response.ts';

/**
 * The whole HTTP side as a request listener; it does not listen. `GET` and `POST …/updates` are answered before Express is
 * entered, which costs more than all the rest of a re-poll and a quarter of a post; so are streams, whose paths have any number of segments. Everything else is
 * routed by Express. Both answer through `Replies`.
 */
export function createApp(deps: AppDeps): RequestListener {
  const replies = new Replies(deps.instance, deps.allowedOrigins, deps.limits.answers);
  const getUpdates = createGetUpdates({ ...deps, replies });
  const postUpdate = createDirectPost({ ...deps, replies });
  const streams = createStreams({ ...deps, replies });
  const app = createExpress(deps, replies);
  return function listener(req: IncomingMessage, res: ServerResponse): void {
    const { method } = req;
    const refused = method === 'GET' ? undefined : writeRefusal(req, deps.allowedOrigins);
    const target = method === 'GET' || method === 'POST' ? matchUpdates(req.url ?? '') : undefined;
    if (refused !== undefined) replies.problem(req, res, refused);
    else if (target !== undefined && method === 'GET') getUpdates(req, res, target.space, target.search);
    else if (target !== undefined && target.search === '') void postUpdate(req, res, target.space);
    else if (req.url?.startsWith(STREAM_PREFIX)) void streams(req, res);
    else app(req, res);
  };
}

/** `POST …/updates` without Express, to the same effect as its route. Never rejects. */
function createDirectPost(deps: RouteDeps) {
  const postUpdate = createPostUpdate(deps);
  return async function directPost(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    try {
      const problem = deps.refusal();
      if (problem === undefined) await postUpdate(req, res, space);
      else deps.replies.problem(req, res, problem);
    } catch (error) {
      sendError(deps.replies, deps.log, req, res, error);
    }
  };
}

/** The routes of operators alone, for a port of their own: whoever reaches that port may call them. */
export function createInternalApp(deps: AppDeps): RequestListener {
  const all = { ...deps, internal: 'everybody', replies: new Replies(`${deps.instance}.i`, []) } as const;
  return finish([createOperations(all)], all);
}

function createExpress(deps: AppDeps, replies: Replies): express.Express {
  const all = { ...deps, replies };
  const pages = [...(deps.pages ? [createPages()] : []), ...(deps.site === undefined ? [] : [createSite(deps.site)])];
  return finish([createSpaceRoutes(all), createOperations(all), ...pages], all);
}

function finish(routers: readonly Router[], { log, replies }: RouteDeps): express.Express {
  const app = express();
  for (const setting of ['x-powered-by', 'etag', 'query parser']) app.disable(setting);
  for (const router of routers) app.use(router);
  app.use(() => {
    throw new ProblemError('notFound', 'no such page; the API is described at /openapi.json');
  });
  const answerError: ErrorRequestHandler = (error, req, res, _next) => sendError(replies, log, req, res, error);
  app.use(answerError);
  return app;
}

function createOperations(deps: RouteDeps): Router {
  const routes = new ExactRoutes(deps);
  const pages = {
    '/healthz': createHealthz(deps),
    '/readyz': createReadyz(deps),
    '/metrics': createMetricsPage(deps),
    '/openapi.json': createOpenapi(deps),
    '/_ah/warmup': createReadyz(deps),
    '/_ah/start': createHealthz(deps),
    [SWEEP_PATH]: createSweep(deps),
  };
  for (const [path, get] of Object.entries(pages)) routes.always(path, { get });
  return routes.router;
}
