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
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { readJson } from './read-body.ts';
import type { Replies } from './reply.ts';

/** `POST …/updates`. Throws where the whole request is unusable. */
export function createPostUpdate(deps: Pick<AppDeps, 'access' | 'engine'> & { readonly replies: Replies }) {
  return async function postUpdate(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    // Before the body: nobody gets us to read megabytes for a stranger. Most callers are known at once.
    const admitted = deps.access.admit(req.rawHeaders, id, 'write');
    const caller = admitted instanceof Promise ? await admitted : admitted;
    const request = postUpdateSchema.parse(await readJson(req));
    deps.replies.json(req, res, 200, await carryOut(deps, { space: id, caller }, request));
  };
}

/** For a caller who may write. Throws where the whole request is unusable. */
export async function carryOut(
  { access, engine }: Pick<AppDeps, 'access' | 'engine'>,
  { space, caller }: { readonly space: SpaceId; readonly caller: Caller },
  request: PostUpdateRequest,
): Promise<PostUpdateResponse> {
  if (request.updates.some(({ grab }) => grab)) await requireLock(access, caller, space);
  const response = await engine.postUpdate(space, request, caller);
  refuseIfAllWait(response);
  return response;
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
