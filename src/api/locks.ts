import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import type { ItemId, SpaceId } from '../protocol/ids.ts';
import { lockRequestSchema, unlockRequestSchema } from '../protocol/locks.ts';
import { admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { readItem, readSpace } from './path.ts';
import { parseQuery } from './query.ts';
import { readJson } from './read-body.ts';
import type { Replies } from './reply.ts';
import { DetailedProblem } from './to-response.ts';

type LockDeps = Pick<AppDeps, 'access' | 'engine' | 'limits' | 'proxyHops'> & { readonly replies: Replies };
type Place = { readonly space: string; readonly item: string; readonly search: string };
type Handler = (req: IncomingMessage, res: ServerResponse, place: Place) => Promise<void>;

/** `POST …/items/{item}/lock`: grabs or renews. */
export function createPostLock(deps: LockDeps): Handler {
  const { access, engine, limits, replies } = deps;
  return async function postLock(req, res, { space, item, search }) {
    parseQuery(search, []);
    const place = placeOf(space, item);
    const caller = await admitWithin(deps, req, { space: place.space, right: 'lock', budget: 'post' });
    const ask = lockRequestSchema.parse(await readJson(req, limits.bodies));
    const admin = ask.steal === true && (await isAdmin(access, caller, place.space));
    const answer = await engine.lock(place.space, place.item, ask, caller, admin);
    if (answer.result === 'locked') {
      const { holder, ttlMs } = answer;
      throw new DetailedProblem('locked', `${holder} holds the item`, { more: { holder, ttlMs } });
    }
    replies.json(req, res, 200, { fence: answer.fence, ttlMs: answer.ttlMs });
  };
}

/** `DELETE …/items/{item}/lock`: the client is named in the query or in the body. */
export function createDeleteLock(deps: LockDeps): Handler {
  const { access, engine, limits, replies } = deps;
  return async function deleteLock(req, res, { space, item, search }) {
    const place = placeOf(space, item);
    const caller = await admitWithin(deps, req, { space: place.space, right: 'lock', budget: 'post' });
    const query = parseQuery(search, ['clientId']);
    const { clientId } = unlockRequestSchema.parse(
      query.clientId === undefined ? await readJson(req, limits.bodies) : query,
    );
    await engine.unlock(place.space, place.item, clientId, caller, await isAdmin(access, caller, place.space));
    replies.empty(req, res, 204);
  };
}

function placeOf(space: string, item: string): { readonly space: SpaceId; readonly item: ItemId } {
  return { space: readSpace(space), item: readItem(item) };
}

async function isAdmin(access: Access, caller: Caller, space: SpaceId): Promise<boolean> {
  return (await access.review(caller, space, 'admin')) === undefined;
}
