import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import { troubleProblem } from '../core/trouble.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { SpaceId } from '../protocol/ids.ts';
import {
  type PostUpdateRequest,
  type PostUpdateResponse,
  postUpdateSchema,
  type UpdateResult,
} from '../protocol/post-update.ts';
import { accountOf, type Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { readJson } from './read-body.ts';
import type { Replies } from './reply.ts';

/** `POST …/updates`. Throws where the whole request is unusable. */
export function createPostUpdate(
  deps: Pick<AppDeps, 'access' | 'engine' | 'limits' | 'proxyHops'> & { readonly replies: Replies },
) {
  return async function postUpdate(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    // Before the body: nobody gets us to read megabytes for a stranger. Most callers are known at once.
    const admitted = deps.access.admit(req.rawHeaders, id, 'write');
    const caller = admitted instanceof Promise ? await admitted : admitted;
    const account = accountOf(deps, req, caller);
    deps.limits.take(account, 'post');
    const request = postUpdateSchema.parse(await readJson(req, deps.limits.bodies));
    deps.replies.json(req, res, 200, await carryOut(deps, { space: id, caller, account }, request));
  };
}

/** For a caller who may write, and has paid for the first update. Throws where the whole request is unusable. */
export async function carryOut(
  { access, engine, limits }: Pick<AppDeps, 'access' | 'engine' | 'limits'>,
  { space, caller, account }: Paying,
  request: PostUpdateRequest,
): Promise<PostUpdateResponse> {
  if (request.updates.length > 1) limits.take(account, 'post', request.updates.length - 1);
  if (request.updates.some(({ grab }) => grab)) await requireLock(access, caller, space);
  limits.posts.enter();
  try {
    const response = await engine.postUpdate(space, request, caller);
    refuseIfAllWait(response);
    return response;
  } finally {
    limits.posts.leave();
  }
}

async function requireLock(access: Access, caller: Caller, space: SpaceId): Promise<void> {
  const denied = await access.review(caller, space, 'lock');
  if (denied !== undefined) throw new ProblemError(denied.code, denied.detail);
}

type Waiting = UpdateResult & { readonly result: 'retry' };

/** Where nothing at all could be done now, the answer says so as a whole. */
function refuseIfAllWait({ results }: PostUpdateResponse): void {
  const waiting = results.filter((result): result is Waiting => result.result === 'retry');
  const [first] = waiting;
  if (first === undefined || waiting.length < results.length) return;
  const retryAfterMs = Math.max(...waiting.map((result) => result.retryAfterMs));
  throw troubleProblem({ code: first.code, retryAfterMs });
}
