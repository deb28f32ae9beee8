import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../auth/caller.ts';
import type { Answer, PollOutcome } from '../core/engine-types.ts';
import type { Account } from '../core/limits/budgets.ts';
import type { Limits } from '../core/limits/limits.ts';
import type { Budget } from '../core/limits/limits-config.ts';
import { type Problem, ProblemError } from '../protocol/errors.ts';
import { type GetUpdatesQuery, getUpdatesSchema } from '../protocol/get-updates.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { accountOf } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { Content } from './content.ts';
import { sendFixed } from './fixed-answers.ts';
import { requireOwnPage } from './known-origin.ts';
import { readSpace } from './path.ts';
import { parseUpdatesQuery } from './query.ts';
import { readJson } from './read-body.ts';
import { COMMON, type HeaderList, type Replies } from './reply.ts';
import { sendError } from './to-response.ts';

export type PollDeps = Pick<
  AppDeps,
  'access' | 'allowedOrigins' | 'engine' | 'limits' | 'log' | 'proxyHops' | 'refusal'
> & {
  readonly replies: Replies;
};

/** What is sent of an answer that goes to many polls, made once. */
const shared = new WeakMap<Answer, Content>();
const HEADERS: HeaderList = ['Content-Type', 'application/json', ...COMMON];

function contentOf(answer: Answer): Content {
  let content = shared.get(answer);
  if (content === undefined) {
    content = new Content(answer.body, () => HEADERS);
    shared.set(answer, content);
  }
  return content;
}

/** `GET …/updates` without Express: `search` without `?`. */
export function createGetUpdates(deps: PollDeps) {
  return function getUpdates(req: IncomingMessage, res: ServerResponse, space: string, search: string): void {
    try {
      const id = readSpace(space);
      const query = parseUpdatesQuery(search);
      // The newest poll of a client ends the one before, and keeps the client.
      if (query.clientId !== undefined) requireOwnPage(req, deps.allowedOrigins);
      const caller = deps.access.admit(req.rawHeaders, id, 'read');
      if (!(caller instanceof Promise)) park(deps, req, res, { space: id, caller }, query);
      else {
        caller
          .then((known) => park(deps, req, res, { space: id, caller: known }, query))
          .catch((error) => sendError(deps.replies, deps.log, req, res, error));
      }
    } catch (error) {
      sendError(deps.replies, deps.log, req, res, error);
    }
  };
}

/** `POST …/updates:get`: the same with the query as JSON. */
export function createPostGetUpdates(deps: PollDeps) {
  return async function postGetUpdates(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    const caller = await deps.access.admit(req.rawHeaders, id, 'read');
    park(deps, req, res, { space: id, caller }, getUpdatesSchema.parse(await readJson(req, deps.limits.bodies)));
  };
}

/** Whose poll it is, and where. */
export type Asked = { readonly space: SpaceId; readonly caller: Caller };

/** The place of a poll among those that wait; given back once, however it ends. */
export class Place {
  readonly account: Account;
  #limits: Limits | undefined;

  constructor(limits: Limits, account: Account) {
    limits.park(account);
    this.#limits = limits;
    this.account = account;
  }

  leave(): void {
    this.#limits?.unpark(this.account);
    this.#limits = undefined;
  }
}

function park(deps: PollDeps, req: IncomingMessage, res: ServerResponse, asked: Asked, query: GetUpdatesQuery): void {
  const budget = query.marker === undefined ? 'snapshot' : 'poll';
  hold(deps, req, res, asked, budget, (answer) => deps.engine.poll(asked.space, query, answer, asked.caller));
}

/** Holds a request until the engine answers or the client goes away; `ask` returns the cancellation. A thousand of these may be parked: keep it small. */
export function hold(
  deps: PollDeps,
  req: IncomingMessage,
  res: ServerResponse,
  asked: Asked,
  budget: Budget,
  ask: (answer: (outcome: PollOutcome) => void) => () => void,
): void {
  const refused = deps.refusal();
  if (refused !== undefined) {
    deps.replies.problem(req, res, refused);
    return;
  }
  const account = accountOf(deps, req, asked.caller);
  deps.limits.take(account, budget);
  const place = new Place(deps.limits, account);
  const answer = (outcome: PollOutcome): void => {
    place.leave();
    deliver(deps, req, res, { ...asked, account }, outcome);
  };
  let cancel: () => void;
  try {
    cancel = ask(answer);
  } catch (error) {
    place.leave();
    throw error;
  }
  if (res.writableEnded) return;
  const giveUp = (): void => {
    cancel();
    place.leave();
  };
  // A client that left while its body was being read has closed already.
  if (res.closed) giveUp();
  else res.once('close', giveUp);
}

/** The answer is everybody's; whether this caller may still have it is asked again now. */
function deliver(
  deps: PollDeps,
  req: IncomingMessage,
  res: ServerResponse,
  asked: Asked & { readonly account: Account },
  outcome: PollOutcome,
): void {
  const problem =
    deps.refusal() ?? ('problem' in outcome ? outcome.problem : refuseReset(deps, asked.account, outcome.answer));
  if (problem !== undefined || !('answer' in outcome)) {
    if (problem !== undefined) deps.replies.problem(req, res, problem);
    return;
  }
  const denied = deps.access.review(asked.caller, asked.space, 'read');
  if (!(denied instanceof Promise)) conclude(deps, req, res, denied, outcome.answer);
  else {
    denied
      .then((known) => conclude(deps, req, res, known, outcome.answer))
      .catch((error) => sendError(deps.replies, deps.log, req, res, error));
  }
}

/** A reset makes its caller begin anew: who has had too many of them waits. */
export function refuseReset(
  { limits }: Pick<PollDeps, 'limits'>,
  account: Account,
  answer: Answer,
): Problem | undefined {
  if (!answer.reset) return undefined;
  try {
    limits.take(account, 'resync');
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
}

function conclude(
  { replies }: PollDeps,
  req: IncomingMessage,
  res: ServerResponse,
  denied: Problem | undefined,
  answer: Answer,
): void {
  if (denied !== undefined) replies.problem(req, res, takenAway(denied));
  else if (answer.fixed === undefined) replies.content(req, res, 200, contentOf(answer));
  else sendFixed(replies, req, res, { ...answer, fixed: answer.fixed });
}

/** Whoever was let in and is not any more is told so, even where the space is now hidden from them: they knew of it. */
export function takenAway(denied: Problem): Problem {
  if (denied.status !== 404) return denied;
  return new ProblemError('forbidden', 'the right to read this space was taken back meanwhile').problem;
}
