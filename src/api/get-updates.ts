import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, PollOutcome } from '../core/engine-types.ts';
import { type GetUpdatesQuery, getUpdatesSchema } from '../protocol/get-updates.ts';
import type { SpaceId } from '../protocol/ids.ts';
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { parseUpdatesQuery } from './query.ts';
import { readJson } from './read-body.ts';
import { type HeaderList, Replies } from './reply.ts';
import { sendError } from './to-response.ts';

type PollDeps = Pick<AppDeps, 'engine' | 'log' | 'refusal'> & { readonly replies: Replies };

/** Headers of an answer that goes to many polls, made once. */
const sharedHeaders = new WeakMap<Answer, HeaderList>();

function headersOf(answer: Answer): HeaderList {
  let headers = sharedHeaders.get(answer);
  if (headers === undefined) {
    headers = Replies.shared('application/json', answer.body);
    sharedHeaders.set(answer, headers);
  }
  return headers;
}

/** `GET …/updates` without Express: `search` without `?`. */
export function createGetUpdates(deps: PollDeps) {
  return function getUpdates(req: IncomingMessage, res: ServerResponse, space: string, search: string): void {
    try {
      park(deps, req, res, readSpace(space), parseUpdatesQuery(search));
    } catch (error) {
      sendError(deps.replies, deps.log, req, res, error);
    }
  };
}

/** `POST …/updates:get`: the same with the query as JSON. */
export function createPostGetUpdates(deps: PollDeps) {
  return async function postGetUpdates(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    park(deps, req, res, id, getUpdatesSchema.parse(await readJson(req)));
  };
}

/** Holds the poll until the engine answers or the client goes away. A thousand of these may be parked: keep it small. */
function park(deps: PollDeps, req: IncomingMessage, res: ServerResponse, space: SpaceId, query: GetUpdatesQuery): void {
  const refused = deps.refusal();
  if (refused !== undefined) {
    deps.replies.problem(req, res, refused);
    return;
  }
  const cancel = deps.engine.poll(space, query, (outcome) => deliver(deps, req, res, outcome));
  if (res.writableEnded) return;
  // A client that left while its body was being read has closed already.
  if (res.closed) cancel();
  else res.once('close', cancel);
}

function deliver(deps: PollDeps, req: IncomingMessage, res: ServerResponse, outcome: PollOutcome): void {
  const problem = deps.refusal() ?? ('problem' in outcome ? outcome.problem : undefined);
  if (problem !== undefined) deps.replies.problem(req, res, problem);
  else if ('answer' in outcome) deps.replies.send(req, res, 200, headersOf(outcome.answer), outcome.answer.body);
}
