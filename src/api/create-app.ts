import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express';
import { STREAM_PREFIX } from '../core/streams/stream-path.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { AppDeps } from './app-deps.ts';
import { createJoin, createLeave, createPatchClient } from './clients.ts';
import { noQuery, param, searchOf } from './express-request.ts';
import { createGetOps } from './get-ops.ts';
import { createGetUpdates, createPostGetUpdates } from './get-updates.ts';
import { createHealthz, createMetricsPage, createReadyz, createSweep, SWEEP_PATH } from './health.ts';
import { createDeleteItem, createGetItem, createPatchItem, createPutItem } from './items.ts';
import { writeRefusal } from './known-origin.ts';
import { createDeleteLock, createPostLock } from './locks.ts';
import { createOpenapi } from './openapi.ts';
import { createPages } from './page.ts';
import { matchUpdates } from './path.ts';
import { createGetPicture, createListPictures } from './pictures.ts';
import { createPostUpdate } from './post-update.ts';
import { Replies } from './reply.ts';
import {
  createBeginUpload,
  createFinishUpload,
  createGetResource,
  createGetResourceUrl,
  createGetResourceUsage,
  createPutResource,
} from './resources.ts';
import { createSite } from './site.ts';
import { createDeleteSpace, createGetSpace, createListSpaces, createPutSpace } from './spaces.ts';
import { createStreams } from './streams.ts';
import { createPostTicket } from './tickets.ts';
import { DetailedProblem, sendError } from './to-response.ts';
import { createUpdatesStream } from './updates-stream.ts';

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
function createDirectPost(deps: AllDeps) {
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
  return finish([createItems(all), createResources(all), createSpaces(all), createOperations(all), ...pages], all);
}

function finish(routers: readonly Router[], { log, replies }: AllDeps): express.Express {
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

type AllDeps = AppDeps & { readonly replies: Replies };

/** Routes match exactly: no trailing slash, no other case. */
function exactRouter(): Router {
  return Router({ caseSensitive: true, strict: true });
}

function createItems(deps: AllDeps): Router {
  const { replies } = deps;
  const router = exactRouter();
  const postUpdate = createPostUpdate(deps);
  const postGetUpdates = createPostGetUpdates(deps);
  const postTicket = createPostTicket(deps);
  const updatesStream = createUpdatesStream(deps);
  const [getItem, putItem, patchItem, deleteItem] = [
    createGetItem(deps),
    createPutItem(deps),
    createPatchItem(deps),
    createDeleteItem(deps),
  ];
  const place = (req: Request) => ({ space: param(req, 'space'), item: param(req, 'item'), search: searchOf(req) });
  const refuseUnready = refuseUnreadyOf(deps);
  router
    .route('/v1/spaces/:space/updates')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? postUpdate(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'GET, POST'));
  router
    .route('/v1/spaces/:space/updates\\:get')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? postGetUpdates(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'POST'));
  router
    .route('/v1/spaces/:space/updates/stream')
    .head(otherMethods(replies, 'GET'))
    .all(refuseUnready)
    .get((req, res) => updatesStream(req, res, param(req, 'space'), searchOf(req)))
    .all(otherMethods(replies, 'GET'));
  router.route('/v1/spaces/:space/socket').get(refusePlain).all(otherMethods(replies, 'GET'));
  router
    .route('/v1/spaces/:space/tickets')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? postTicket(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'POST'));
  const [join, patchClient, leave] = [createJoin(deps), createPatchClient(deps), createLeave(deps)];
  const who = (req: Request) => ({ space: param(req, 'space'), client: param(req, 'client'), search: searchOf(req) });
  router
    .route('/v1/spaces/:space/clients')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? join(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'POST'));
  router
    .route('/v1/spaces/:space/clients/:client')
    .all(refuseUnready)
    .patch((req, res) => patchClient(req, res, who(req)))
    .delete((req, res) => leave(req, res, who(req)))
    .all(otherMethods(replies, 'PATCH, DELETE'));
  router
    .route('/v1/spaces/:space/items/:item')
    .all(refuseUnready)
    .get((req, res) => getItem(req, res, place(req)))
    .put((req, res) => putItem(req, res, place(req)))
    .patch((req, res) => patchItem(req, res, place(req)))
    .delete((req, res) => deleteItem(req, res, place(req)))
    .all(otherMethods(replies, 'GET, HEAD, PUT, PATCH, DELETE'));
  const getOps = createGetOps(deps);
  router
    .route('/v1/spaces/:space/items/:item/ops')
    .head(otherMethods(replies, 'GET'))
    .all(refuseUnready)
    .get((req, res) => getOps(req, res, place(req)))
    .all(otherMethods(replies, 'GET'));
  const [getPicture, listPictures] = [createGetPicture(deps), createListPictures(deps)];
  router
    .route('/v1/spaces/:space/items/:item/picture.png')
    .all(refuseUnready)
    .get((req, res) => getPicture(req, res, place(req)))
    .all(otherMethods(replies, 'GET, HEAD'));
  router
    .route('/v1/spaces/:space/items/:item/pictures')
    .all(refuseUnready)
    .get((req, res) => listPictures(req, res, place(req)))
    .all(otherMethods(replies, 'GET, HEAD'));
  const [postLock, deleteLock] = [createPostLock(deps), createDeleteLock(deps)];
  router
    .route('/v1/spaces/:space/items/:item/lock')
    .all(refuseUnready)
    .post((req, res) => postLock(req, res, place(req)))
    .delete((req, res) => deleteLock(req, res, place(req)))
    .all(otherMethods(replies, 'POST, DELETE'));
  return router;
}

function createResources(deps: AllDeps): Router {
  const { replies } = deps;
  const router = exactRouter();
  const [putResource, getUsage, getResource] = [
    createPutResource(deps),
    createGetResourceUsage(deps),
    createGetResource(deps),
  ];
  const [getUrl, beginUpload, finishUpload] = [
    createGetResourceUrl(deps),
    createBeginUpload(deps),
    createFinishUpload(deps),
  ];
  const refuseUnready = refuseUnreadyOf(deps);
  router
    .route('/v1/spaces/:space/resources')
    .all(refuseUnready)
    .get((req, res) => noQuery(req) ?? getUsage(req, res, param(req, 'space')))
    .put((req, res) => noQuery(req) ?? putResource(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'GET, HEAD, PUT'));
  router
    .route('/v1/spaces/:space/resources/:hash')
    .all(refuseUnready)
    .get((req, res) => noQuery(req) ?? getResource(req, res, param(req, 'space'), param(req, 'hash')))
    .all(otherMethods(replies, 'GET, HEAD'));
  router
    .route('/v1/spaces/:space/resources/:hash/url')
    .all(refuseUnready)
    .get((req, res) => noQuery(req) ?? getUrl(req, res, param(req, 'space'), param(req, 'hash')))
    .all(otherMethods(replies, 'GET, HEAD'));
  router
    .route('/v1/spaces/:space/uploads')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? beginUpload(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'POST'));
  router
    .route('/v1/spaces/:space/uploads/:upload')
    .all(refuseUnready)
    .post((req, res) => noQuery(req) ?? finishUpload(req, res, param(req, 'space'), param(req, 'upload')))
    .all(otherMethods(replies, 'POST'));
  return router;
}

function createSpaces(deps: AllDeps): Router {
  const { replies } = deps;
  const router = exactRouter();
  const listSpaces = createListSpaces(deps);
  const [getSpace, putSpace, deleteSpace] = [createGetSpace(deps), createPutSpace(deps), createDeleteSpace(deps)];
  const refuseUnready = refuseUnreadyOf(deps);
  router
    .route('/v1/spaces')
    .all(refuseUnready)
    .get((req, res) => listSpaces(req, res, searchOf(req)))
    .all(otherMethods(replies, 'GET, HEAD'));
  router
    .route('/v1/spaces/:space')
    .all(refuseUnready)
    .get((req, res) => noQuery(req) ?? getSpace(req, res, param(req, 'space')))
    .put((req, res) => noQuery(req) ?? putSpace(req, res, param(req, 'space')))
    .delete((req, res) => noQuery(req) ?? deleteSpace(req, res, param(req, 'space')))
    .all(otherMethods(replies, 'GET, HEAD, PUT, DELETE'));
  return router;
}

function refuseUnreadyOf({ refusal, replies }: AllDeps): RequestHandler {
  return function refuseUnready(req, res, next) {
    const problem = req.method === 'OPTIONS' ? undefined : refusal();
    if (problem === undefined) next();
    else replies.problem(req, res, problem);
  };
}

function createOperations(deps: AllDeps): Router {
  const router = exactRouter();
  const pages = {
    '/healthz': createHealthz(deps),
    '/readyz': createReadyz(deps),
    '/metrics': createMetricsPage(deps),
    '/openapi.json': createOpenapi(deps),
    '/_ah/warmup': createReadyz(deps),
    '/_ah/start': createHealthz(deps),
    [SWEEP_PATH]: createSweep(deps),
  };
  for (const [path, handler] of Object.entries(pages)) {
    router.route(path).get(handler).all(otherMethods(deps.replies, 'GET, HEAD'));
  }
  return router;
}

function otherMethods(replies: Replies, allow: string): RequestHandler {
  return function answerOtherMethods(req, res) {
    if (req.method === 'OPTIONS') return replies.options(req, res, allow);
    throw new DetailedProblem('methodNotAllowed', `allowed here: ${allow}`, { headers: ['Allow', allow] });
  };
}

/** Only a request that asks for an upgrade gets to the sockets. */
const refusePlain: RequestHandler = () => {
  const headers = ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
  throw new DetailedProblem('upgradeRequired', 'connect with a WebSocket (RFC 6455)', { headers });
};
