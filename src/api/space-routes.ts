import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, Response, Router } from 'express';
import { createJoin, createLeave, createPatchClient } from './clients.ts';
import { ExactRoutes, type RouteDeps } from './exact-routes.ts';
import { noQuery, param, searchOf } from './express-request.ts';
import { createGetOps } from './get-ops.ts';
import { createPostGetUpdates } from './get-updates.ts';
import { createDeleteItem, createGetItem, createPatchItem, createPutItem } from './items.ts';
import { createDeleteLock, createPostLock } from './locks.ts';
import { createGetPicture, createListPictures } from './pictures.ts';
import { createPostUpdate } from './post-update.ts';
import {
  createBeginUpload,
  createFinishUpload,
  createGetResource,
  createGetResourceUrl,
  createGetResourceUsage,
  createPutResource,
} from './resources.ts';
import { createDeleteSpace, createGetSpace, createListSpaces, createPutSpace } from './spaces.ts';
import { createPostTicket } from './tickets.ts';
import { DetailedProblem } from './to-response.ts';
import { createUpdatesStream } from './updates-stream.ts';

/** Everything below `/v1/spaces`, but for what goes past Express. */
export function createSpaceRoutes(deps: RouteDeps): Router {
  const routes = new ExactRoutes(deps);
  for (const add of [addUpdates, addClients, addItems, addPictures, addResources, addSpaces]) add(routes, deps);
  return routes.router;
}

type InSpace = (req: IncomingMessage, res: ServerResponse, space: string) => unknown;
type NamedInSpace = (req: IncomingMessage, res: ServerResponse, space: string, name: string) => unknown;
type InItem = (
  req: IncomingMessage,
  res: ServerResponse,
  place: { readonly space: string; readonly item: string; readonly search: string },
) => unknown;

/** Of a space, without a query. */
function inSpace(answer: InSpace) {
  return (req: Request, res: Response) => noQuery(req) ?? answer(req, res, param(req, 'space'));
}

/** The same with one more name of the path. */
function namedInSpace(answer: NamedInSpace, name: string) {
  return (req: Request, res: Response) => noQuery(req) ?? answer(req, res, param(req, 'space'), param(req, name));
}

function inItem(answer: InItem) {
  return (req: Request, res: Response) =>
    answer(req, res, { space: param(req, 'space'), item: param(req, 'item'), search: searchOf(req) });
}

function addUpdates(routes: ExactRoutes, deps: RouteDeps): void {
  const stream = createUpdatesStream(deps);
  routes.on('/v1/spaces/:space/updates', { post: inSpace(createPostUpdate(deps)) }, 'GET, POST');
  routes.on('/v1/spaces/:space/updates\\:get', { post: inSpace(createPostGetUpdates(deps)) });
  routes.on(
    '/v1/spaces/:space/updates/stream',
    { get: (req, res) => stream(req, res, param(req, 'space'), searchOf(req)) },
    'GET',
  );
  routes.always('/v1/spaces/:space/socket', { get: refusePlain }, 'GET');
  routes.on('/v1/spaces/:space/tickets', { post: inSpace(createPostTicket(deps)) });
}

/** Only a request that asks for an upgrade gets to the sockets. */
function refusePlain(): never {
  const headers = ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
  throw new DetailedProblem('upgradeRequired', 'connect with a WebSocket (RFC 6455)', { headers });
}

function addClients(routes: ExactRoutes, deps: RouteDeps): void {
  const [patch, leave] = [createPatchClient(deps), createLeave(deps)];
  const who = (req: Request) => ({ space: param(req, 'space'), client: param(req, 'client'), search: searchOf(req) });
  routes.on('/v1/spaces/:space/clients', { post: inSpace(createJoin(deps)) });
  routes.on('/v1/spaces/:space/clients/:client', {
    patch: (req, res) => patch(req, res, who(req)),
    delete: (req, res) => leave(req, res, who(req)),
  });
}

function addItems(routes: ExactRoutes, deps: RouteDeps): void {
  routes.on('/v1/spaces/:space/items/:item', {
    get: inItem(createGetItem(deps)),
    put: inItem(createPutItem(deps)),
    patch: inItem(createPatchItem(deps)),
    delete: inItem(createDeleteItem(deps)),
  });
  routes.on('/v1/spaces/:space/items/:item/ops', { get: inItem(createGetOps(deps)) }, 'GET');
  routes.on('/v1/spaces/:space/items/:item/lock', {
    post: inItem(createPostLock(deps)),
    delete: inItem(createDeleteLock(deps)),
  });
}

function addPictures(routes: ExactRoutes, deps: RouteDeps): void {
  routes.on('/v1/spaces/:space/items/:item/picture.png', { get: inItem(createGetPicture(deps)) });
  routes.on('/v1/spaces/:space/items/:item/pictures', { get: inItem(createListPictures(deps)) });
}

function addResources(routes: ExactRoutes, deps: RouteDeps): void {
  const [usage, put] = [createGetResourceUsage(deps), createPutResource(deps)];
  routes.on('/v1/spaces/:space/resources', { get: inSpace(usage), put: inSpace(put) });
  routes.on('/v1/spaces/:space/resources/:hash', { get: namedInSpace(createGetResource(deps), 'hash') });
  routes.on('/v1/spaces/:space/resources/:hash/url', { get: namedInSpace(createGetResourceUrl(deps), 'hash') });
  routes.on('/v1/spaces/:space/uploads', { post: inSpace(createBeginUpload(deps)) });
  routes.on('/v1/spaces/:space/uploads/:upload', { post: namedInSpace(createFinishUpload(deps), 'upload') });
}

function addSpaces(routes: ExactRoutes, deps: RouteDeps): void {
  const list = createListSpaces(deps);
  routes.on('/v1/spaces', { get: (req, res) => list(req, res, searchOf(req)) });
  routes.on('/v1/spaces/:space', {
    get: inSpace(createGetSpace(deps)),
    put: inSpace(createPutSpace(deps)),
    delete: inSpace(createDeleteSpace(deps)),
  });
}
