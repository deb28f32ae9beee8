import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
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
import { retryProblemCode } from './to-response.ts';

/** `POST …/updates`. Throws where the whole request is unusable. */
export function createPostUpdate(deps: Pick<AppDeps, 'access' | 'engine'> & { readonly replies: Replies }) {
  return async function postUpdate(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    // Before the body: nobody gets us to read megabytes for a stranger. Most callers are known at once.
    const admitted = deps.access.admit(req.rawHeaders, id, 'write');
    const caller = admitted instanceof Promise ? await admitted : admitted;
    const request = parsePostUpdate(await readJson(req));
    if (request.updates.some(({ grab }) => grab)) await requireLock(deps.access, caller, id);
    const response = await deps.engine.postUpdate(id, request, caller);
    refuseIfAllWait(response);
    deps.replies.json(req, res, 200, response);
  };
}

async function requireLock(access: Access, caller: Caller, space: SpaceId): Promise<void> {
  const denied = await access.review(caller, space, 'lock');
  if (denied !== undefined) throw new ProblemError(denied.code, denied.detail);
}

/** Checks what concerns the request as a whole; what concerns one update is that update's result. */
export function parsePostUpdate(body: unknown): PostUpdateRequest {
  const request = postUpdateSchema.parse(body);
  const named = new Set<string>();
  for (const [i, update] of request.updates.entries()) {
    if ((update.op === undefined) === (update.restore === undefined)) {
      throw new ProblemError('badRequest', `updates[${i}]: exactly one of op and restore must be there`);
    }
    if (named.has(update.item)) {
      throw new ProblemError('duplicateItem', `updates[${i}].item: ${update.item} is named more than once`);
    }
    named.add(update.item);
  }
  return request;
}

type Waiting = UpdateResult & { readonly result: 'retry' };

/** Where nothing at all could be done now, the answer says so as a whole. */
function refuseIfAllWait({ results }: PostUpdateResponse): void {
  const waiting = results.filter((result): result is Waiting => result.result === 'retry');
  const [first] = waiting;
  if (first === undefined || waiting.length < results.length) return;
  const retryAfterMs = Math.max(...waiting.map((result) => result.retryAfterMs));
  throw new ProblemError(retryProblemCode(first.code), 'none of the updates can be taken now; send the same again', {
    retryAfterMs,
  });
}
