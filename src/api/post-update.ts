import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../core/engine-types.ts';
import { troubleProblem } from '../core/trouble.ts';
import { type PostUpdateResponse, postUpdateSchema, type UpdateResult } from '../protocol/post-update.ts';
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { readJson } from './read-body.ts';
import type { Replies } from './reply.ts';

/** Nobody is asked who they are yet. */
export const ANONYMOUS: Caller = { subject: 'anonymous' };

/** `POST …/updates`. Throws where the whole request is unusable. */
export function createPostUpdate(deps: Pick<AppDeps, 'engine'> & { readonly replies: Replies }) {
  return async function postUpdate(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    const request = postUpdateSchema.parse(await readJson(req));
    const response = await deps.engine.postUpdate(id, request, ANONYMOUS);
    refuseIfAllWait(response);
    deps.replies.json(req, res, 200, response);
  };
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
