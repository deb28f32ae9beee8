import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { AppDeps } from './app-deps.ts';
import type { Replies } from './reply.ts';
import { DetailedProblem } from './to-response.ts';

export type RouteDeps = AppDeps & { readonly replies: Replies };

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
type Answers = { readonly [method in (typeof METHODS)[number]]?: (req: Request, res: Response) => unknown };

/** Routes of the API. They match exactly: no trailing slash, no other case. Every other method of a path is 405 and says what is allowed. */
export class ExactRoutes {
  readonly router = Router({ caseSensitive: true, strict: true });
  readonly #refuseUnready: RequestHandler;
  readonly #replies: Replies;

  constructor({ refusal, replies }: RouteDeps) {
    this.#replies = replies;
    this.#refuseUnready = function refuseUnready(req, res, next) {
      const problem = req.method === 'OPTIONS' ? undefined : refusal();
      if (problem === undefined) next();
      else replies.problem(req, res, problem);
    };
  }

  /** Refused while this instance must not serve. `allow`: where it is not what `answers` says, with HEAD beside GET. */
  on(path: string, answers: Answers, allow = allowOf(answers)): void {
    const route = this.router.route(path);
    const others = this.#otherMethods(allow);
    if (answers.get && !allow.includes('HEAD')) route.head(others); // Express takes it for a GET
    route.all(this.#refuseUnready);
    answer(route, answers);
    route.all(others);
  }

  /** Answered whatever the state of this instance. */
  always(path: string, answers: Answers, allow = allowOf(answers)): void {
    const route = this.router.route(path);
    answer(route, answers);
    route.all(this.#otherMethods(allow));
  }

  #otherMethods(allow: string): RequestHandler {
    const replies = this.#replies;
    return function answerOtherMethods(req, res) {
      if (req.method === 'OPTIONS') return replies.options(req, res, allow);
      throw new DetailedProblem('methodNotAllowed', `allowed here: ${allow}`, { headers: ['Allow', allow] });
    };
  }
}

function answer(route: ReturnType<Router['route']>, answers: Answers): void {
  for (const method of METHODS) {
    const handler = answers[method];
    if (handler) route[method]((req, res) => handler(req, res));
  }
}

function allowOf(answers: Answers): string {
  const named = METHODS.filter((method) => answers[method]).map((method) => method.toUpperCase());
  return named.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).join(', ');
}
