import type { IncomingMessage, ServerResponse } from 'node:http';
import { bringsAdmin } from '../auth/permissions.ts';
import type { FullSettings } from '../core/spaces/settings.ts';
import { ProblemError } from '../protocol/errors.ts';
import { DEFAULT_SPACES_PER_ANSWER, MAX_SPACES_PER_ANSWER } from '../protocol/limits.ts';
import { spaceSettingsSchema } from '../protocol/space-settings.ts';
import { accountOf, admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { evaluate, readPreconditions, versionTag } from './etags.ts';
import { readSpace } from './path.ts';
import { parseQuery, readInteger } from './query.ts';
import { readJson } from './read-body.ts';
import type { HeaderList, Replies } from './reply.ts';
import { DetailedProblem } from './to-response.ts';

type SpaceDeps = Pick<AppDeps, 'access' | 'limits' | 'proxyHops' | 'spaces'> & { readonly replies: Replies };
type Handler = (req: IncomingMessage, res: ServerResponse, space: string) => Promise<void>;

/** `GET /v1/spaces`: the spaces that the caller brings the right to administer. */
export function createListSpaces({ spaces, replies, ...deps }: SpaceDeps) {
  return async function listSpaces(req: IncomingMessage, res: ServerResponse, search: string): Promise<void> {
    const { after = '', limit } = parseQuery(search, ['after', 'limit']);
    const most =
      limit === undefined ? DEFAULT_SPACES_PER_ANSWER : readInteger('limit', limit, 1, MAX_SPACES_PER_ANSWER);
    if (after !== '') readSpace(after);
    const caller = await deps.access.identify(req.rawHeaders);
    deps.limits.take(accountOf(deps, req, caller), 'snapshot');
    if (!bringsAdmin(caller)) {
      throw new ProblemError(
        'forbidden',
        'this takes the right admin in a token or key; a member of a space asks for that space',
      );
    }
    replies.json(req, res, 200, await spaces.list(after, most, (space) => bringsAdmin(caller, space)));
  };
}

export function createGetSpace({ spaces, replies, ...deps }: SpaceDeps): Handler {
  return async function getSpace(req, res, name) {
    const space = readSpace(name);
    await admitWithin(deps, req, { space, right: 'admin', budget: 'poll' });
    const settings = await spaces.read(space);
    if (settings === undefined) throw absent(space);
    const verdict = judge(req, settings.version);
    if (verdict === 'match') throw preconditionFailed(settings.version);
    if (verdict === 'noneMatch') replies.empty(req, res, 304, tagOf(settings.version));
    else sendSettings(replies, req, res, 200, settings);
  };
}

export function createPutSpace({ spaces, replies, ...deps }: SpaceDeps): Handler {
  return async function putSpace(req, res, name) {
    const space = readSpace(name);
    await admitWithin(deps, req, { space, right: 'admin', budget: 'post' });
    const wanted = spaceSettingsSchema.parse(await readJson(req, deps.limits.bodies));
    const written = await spaces.write(space, wanted, (version) => judge(req, version) === 'go');
    if (written.outcome === 'refused') throw preconditionFailed(written.version);
    sendSettings(replies, req, res, written.created ? 201 : 200, written.settings);
  };
}

export function createDeleteSpace({ spaces, replies, ...deps }: SpaceDeps): Handler {
  return async function deleteSpace(req, res, name) {
    const space = readSpace(name);
    const caller = await admitWithin(deps, req, { space, right: 'admin', budget: 'post' });
    const { outcome, deleted } = await deps.limits.posts.run(() => spaces.delete(space, caller));
    if (outcome === 'absent') throw absent(space);
    if (outcome === 'done') replies.empty(req, res, 204, []);
    else replies.json(req, res, 202, { deleted }, ['Retry-After', '1']);
  };
}

/** Settings that nobody has set yet have version 0, and are there. */
function judge(req: IncomingMessage, version: number | undefined): ReturnType<typeof evaluate> {
  return evaluate(readPreconditions(req.headers), version ?? 0, version !== undefined);
}

/** The body can be put back as it is; the version travels as a tag. */
function sendSettings(
  replies: Replies,
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  all: FullSettings,
): void {
  const { version, ...settings } = all;
  replies.json(req, res, status, settings, tagOf(version));
}

function tagOf(version: number): HeaderList {
  return ['ETag', versionTag(version)];
}

function absent(space: string): ProblemError {
  return new ProblemError('notFound', `there is no space ${space}`);
}

function preconditionFailed(version: number | undefined): DetailedProblem {
  const detail = version === undefined ? 'there is no such space' : `the settings are at version ${version}`;
  return new DetailedProblem('preconditionFailed', detail, { headers: version === undefined ? [] : tagOf(version) });
}
