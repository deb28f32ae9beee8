import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { NotIdentified } from '../auth/caller.ts';
import { troubleOf, troubleProblem } from '../core/trouble.ts';
import { isFailure } from '../ports/failure.ts';
import type { Log } from '../ports/log.ts';
import { type Problem, type ProblemCode, ProblemError } from '../protocol/errors.ts';
import { ID_RULE } from '../protocol/ids.ts';
import { ClientGone } from './read-body.ts';
import type { HeaderList, Replies } from './reply.ts';

const MAX_ISSUES_SHOWN = 3;

/** A problem with members or headers of its own. */
export class DetailedProblem extends ProblemError {
  readonly headers: HeaderList;
  readonly more: object;

  constructor(code: ProblemCode, detail: string, options: { headers?: HeaderList; more?: object }) {
    super(code, detail);
    this.headers = options.headers ?? [];
    this.more = options.more ?? {};
  }
}

/** Answers with what went wrong; what it does not know is 500 without detail. (A parked poll brings its problem with it.) */
export function sendError(replies: Replies, log: Log, req: IncomingMessage, res: ServerResponse, error: unknown): void {
  if (error instanceof ClientGone) return;
  const known = toProblem(error);
  const requestId = replies.requestId(req);
  if (known === undefined) {
    log.error({ requestId, method: req.method, error }, 'a request failed unexpectedly');
  }
  const problem = known ?? new ProblemError('internal', 'the failure is in the log under this request id').problem;
  const details = error instanceof DetailedProblem ? error : challengeOf(error);
  replies.problem(req, res, problem, { requestId, ...(details && { headers: details.headers, more: details.more }) });
}

/** For what has no answer of its own to become: a message on a stream. Logs what it does not know. */
export function problemFrom(log: Log, error: unknown): Problem {
  const known = toProblem(error);
  if (known !== undefined) return known;
  log.error({ error }, 'a stream failed unexpectedly');
  return new ProblemError('internal', 'the failure is in the log').problem;
}

function challengeOf(error: unknown): { readonly headers: HeaderList; readonly more: object } | undefined {
  if (!(error instanceof NotIdentified)) return undefined;
  return { headers: ['WWW-Authenticate', error.challenge], more: {} };
}

function toProblem(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof z.ZodError) return describeIssues(error).problem;
  const trouble = troubleOf(error);
  if (trouble) return troubleProblem(trouble).problem;
  if (isFailure(error, 'tooLarge')) return new ProblemError('tooLarge', 'the item has grown too large').problem;
  // Express could not decode a part of the path; all parts that vary are ids.
  if (error instanceof URIError) return new ProblemError('badId', `an id must be ${ID_RULE}`).problem;
  return undefined;
}

type Issue = z.core.$ZodIssue;

/** Names the fields, what was wrong with them and what is allowed. */
function describeIssues(error: z.ZodError): ProblemError {
  const issues = error.issues.flatMap(flatten);
  const badId = issues.length > 0 && issues.every((issue) => issue.message === 'badId');
  const shown = issues.slice(0, MAX_ISSUES_SHOWN).map(describeIssue);
  if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`);
  return new ProblemError(badId ? 'badId' : 'badRequest', shown.join('; '), { cause: error });
}

/** A bad key of a record hides its issues inside; they belong to the key's path. */
function flatten(issue: Issue): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  if (issue.code !== 'invalid_key') return [issue];
  return issue.issues.map((inner) => ({ path: [...issue.path, ...inner.path], message: inner.message }));
}

function describeIssue({ path, message }: { path: readonly PropertyKey[]; message: string }): string {
  const field = path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part).slice(0, 60)}`))
    .join('');
  const what = message === 'badId' ? `must be ${ID_RULE}` : message;
  return field === '' ? what : `${field}: ${what}`;
}
