import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '../base/json.ts';
import { joinSchema, patchClientSchema } from '../protocol/clients.ts';
import { ProblemError } from '../protocol/errors.ts';
import { admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { Content } from './content.ts';
import { readClient, readSpace } from './path.ts';
import { parseQuery } from './query.ts';
import { hasBody, readJson } from './read-body.ts';
import { COMMON, type HeaderList, type Replies } from './reply.ts';

type ClientDeps = Pick<AppDeps, 'access' | 'engine' | 'limits' | 'proxyHops'> & { readonly replies: Replies };

const HEADERS: HeaderList = ['Content-Type', 'application/json', ...COMMON];

/** `POST …/clients`. The body may be left out: nothing in it is needed. */
export function createJoin(deps: ClientDeps) {
  const { engine, limits, replies } = deps;
  return async function join(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    const caller = await admitWithin(deps, req, { space: id, right: 'read', budget: 'snapshot' });
    const request = joinSchema.parse(hasBody(req) ? await readJson(req, limits.bodies) : {});
    const body = await engine.clients.join(id, request, caller);
    replies.content(req, res, 201, new Content(body, () => HEADERS));
  };
}

/** As they stand in the URL. */
type Place = { readonly space: string; readonly client: string; readonly search: string };

export function createPatchClient(deps: ClientDeps) {
  const { engine, limits, replies } = deps;
  return async function patchClient(req: IncomingMessage, res: ServerResponse, place: Place): Promise<void> {
    const space = readSpace(place.space);
    const client = readClient(place.client);
    parseQuery(place.search, []);
    const caller = await admitWithin(deps, req, { space, right: 'read', budget: 'post' });
    const { data } = patchClientSchema.parse(await readJson(req, limits.bodies));
    await engine.clients.patch(space, client, data as Json, caller);
    replies.empty(req, res, 204);
  };
}

export function createLeave(deps: ClientDeps) {
  const { engine, replies } = deps;
  return async function leave(req: IncomingMessage, res: ServerResponse, place: Place): Promise<void> {
    const space = readSpace(place.space);
    const client = readClient(place.client);
    const { generation } = parseQuery(place.search, ['generation']);
    const caller = await admitWithin(deps, req, { space, right: 'read', budget: 'post' });
    await engine.clients.leave(space, client, generation === undefined ? undefined : toGeneration(generation), caller);
    replies.empty(req, res, 204);
  };
}

function toGeneration(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new ProblemError('badRequest', 'generation must be a positive integer');
  return Number(text);
}
