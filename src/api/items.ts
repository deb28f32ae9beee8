import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../auth/caller.ts';
import { unreachable } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import type { Engine, ItemState } from '../core/engine-types.ts';
import { troubleProblem } from '../core/trouble.ts';
import { type ProblemCode, ProblemError } from '../protocol/errors.ts';
import type { ItemId, SpaceId } from '../protocol/ids.ts';
import type { InvalidCode, UpdateResult } from '../protocol/post-update.ts';
import { admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { type Coding, Content, VARIES } from './content.ts';
import { evaluate, heldCoding, type Preconditions, readPreconditions, versionTag } from './etags.ts';
import { readItem, readSpace } from './path.ts';
import { parseQuery, readBoolean } from './query.ts';
import { readJson } from './read-body.ts';
import { COMMON, type HeaderList, type Replies } from './reply.ts';
import { DetailedProblem } from './to-response.ts';

/** Values are put only to items of this kind; the others are changed by their own operations. */
const VALUE_KIND = 'register';
/** Turns of one conditional write against others, before the answer is "later". */
const MAX_TURNS = 8;

type ItemDeps = Pick<AppDeps, 'access' | 'engine' | 'limits' | 'proxyHops'> & { readonly replies: Replies };
type Handler = (req: IncomingMessage, res: ServerResponse, place: Place) => Promise<void>;
/** As they stand in the URL. */
type Place = { readonly space: string; readonly item: string; readonly search: string };

export function createGetItem({ engine, replies, ...deps }: ItemDeps): Handler {
  return async function getItem(req, res, place) {
    const { space, item, kind } = readPlace(place);
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    const state = await engine.readItem(space, item);
    if (state === undefined || state.deleted) throw absent(item);
    if (kind !== undefined && kind !== state.kind) throw mismatch(`${item} is a ${state.kind}`);
    const { version, durableVersion } = state;
    const preconditions = readPreconditions(req.headers);
    const verdict = evaluate(preconditions, version);
    if (verdict === 'match') throw preconditionFailed(version);
    if (verdict === 'noneMatch') {
      const held = heldCoding(preconditions.noneMatch, version);
      replies.empty(req, res, 304, [...stateHeaders(version, durableVersion, held), ...VARIES]);
      return;
    }
    const headers = (coding: Coding | undefined): HeaderList => [
      'Content-Type',
      'application/json',
      ...stateHeaders(version, durableVersion, coding),
      ...COMMON,
    ];
    replies.content(req, res, 200, new Content(Buffer.from(JSON.stringify(state.value ?? null)), headers));
  };
}

export function createPutItem({ engine, replies, ...deps }: ItemDeps): Handler {
  return async function putItem(req, res, place) {
    const target = readPlace(place);
    const caller = await admitWithin(deps, req, { space: target.space, right: 'write', budget: 'post' });
    refuseOtherKind(target.kind);
    const op = { set: await readJson(req, deps.limits.bodies) };
    const { created, result } = await write({ engine, ...deps }, caller, target, readPreconditions(req.headers), {
      op,
      creates: true,
    });
    sendState(replies, req, res, created ? 201 : 200, result);
  };
}

export function createPatchItem({ engine, replies, ...deps }: ItemDeps): Handler {
  return async function patchItem(req, res, place) {
    const target = readPlace(place);
    const caller = await admitWithin(deps, req, { space: target.space, right: 'write', budget: 'post' });
    refuseOtherKind(target.kind);
    const op = { merge: await readJson(req, deps.limits.bodies, ['application/merge-patch+json', 'application/json']) };
    const { result } = await write({ engine, ...deps }, caller, target, readPreconditions(req.headers), {
      op,
      creates: false,
    });
    sendState(replies, req, res, 200, result);
  };
}

export function createDeleteItem({ engine, replies, ...deps }: ItemDeps): Handler {
  return async function deleteItem(req, res, place) {
    const target = readPlace(place);
    const caller = await admitWithin(deps, req, { space: target.space, right: 'write', budget: 'post' });
    const change = { op: { delete: true }, creates: false, anyKind: true };
    const { result } = await write({ engine, ...deps }, caller, target, readPreconditions(req.headers), change);
    replies.empty(req, res, 204, ['Longshore-Durable-Version', String(result.durableVersion)]);
  };
}

type Target = { readonly space: SpaceId; readonly item: ItemId; readonly kind?: string; readonly durable: boolean };

function readPlace(place: Place): Target {
  const { kind, durable } = parseQuery(place.search, ['kind', 'durable']);
  return {
    space: readSpace(place.space),
    item: readItem(place.item),
    durable: durable === undefined ? false : readBoolean('durable', durable),
    ...(kind === undefined ? {} : { kind }),
  };
}

type Change = { readonly op: Json; readonly creates: boolean; readonly anyKind?: boolean };
type Accepted = UpdateResult & { readonly result: 'ok' };
type Outcome = { readonly created: boolean; readonly result: Accepted };

/**
 * Reads, judges, writes. A write with preconditions goes through only over the version they were judged by; one without
 * is not held up by others, except that what looked absent must still be absent, so that "created" is true.
 */
function write(
  { engine, limits }: Pick<ItemDeps, 'engine' | 'limits'>,
  caller: Caller,
  target: Target,
  preconditions: Preconditions,
  change: Change,
): Promise<Outcome> {
  return limits.posts.run(() => writeInTurns(engine, caller, target, preconditions, change));
}

async function writeInTurns(
  engine: Engine,
  caller: Caller,
  { space, item, durable, kind }: Target,
  preconditions: Preconditions,
  change: Change,
): Promise<Outcome> {
  const conditional = preconditions.match !== undefined || preconditions.noneMatch !== undefined;
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const state = await engine.readItem(space, item);
    const current = liveVersion(state);
    if (current === 0 && !change.creates) throw absent(item);
    if (kind !== undefined && current > 0 && kind !== state?.kind) throw mismatch(`${item} is a ${state?.kind}`);
    if (evaluate(preconditions, current) !== 'go') throw preconditionFailed(current);
    const only = conditional || current === 0 ? { ifVersion: current } : {};
    const ofKind = change.anyKind ? {} : { kind: VALUE_KIND };
    const result = await engine.update(space, { item, op: change.op, durable, ...ofKind, ...only }, caller);
    if (result.result === 'conflict') continue;
    return { created: current === 0, result: accept(result) };
  }
  throw new ProblemError('contention', 'others keep changing the item', { retryAfterMs: 1_000 });
}

function liveVersion(state: ItemState | undefined): number {
  return state === undefined || state.deleted ? 0 : state.version;
}

/** The result of a single update as the answer to the whole request. */
function accept(result: Exclude<UpdateResult, { result: 'conflict' }>): Accepted {
  switch (result.result) {
    case 'ok':
      return result;
    case 'locked': {
      const more = { holder: result.holder, ttlMs: result.ttlMs };
      throw new DetailedProblem('locked', `${result.holder} holds the item`, { more });
    }
    case 'fenced':
      throw new ProblemError('conflict', 'the lock was lost');
    case 'resync':
      throw new ProblemError('conflict', 'the item has moved on too far');
    case 'invalid':
      throw new ProblemError(problemOf(result.code), result.detail);
    case 'tooLarge':
      throw new ProblemError('tooLarge', `the item would have more than ${result.limit} bytes`);
    case 'retry':
      throw troubleProblem(result);
    default:
      return unreachable(result);
  }
}

function problemOf(code: InvalidCode): ProblemCode {
  switch (code) {
    case 'kindMismatch':
    case 'lockRequired':
      return code;
    default:
      return 'badRequest';
  }
}

function sendState(
  replies: Replies,
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  result: Accepted,
): void {
  const { version, durableVersion } = result;
  replies.json(req, res, status, { version, durableVersion }, stateHeaders(version, durableVersion));
}

function stateHeaders(version: number, durableVersion: number, coding?: Coding): HeaderList {
  return ['ETag', versionTag(version, coding), 'Longshore-Durable-Version', String(durableVersion)];
}

function absent(item: string): ProblemError {
  return new ProblemError('notFound', `there is no item ${item}`);
}

function mismatch(detail: string): ProblemError {
  return new ProblemError('kindMismatch', detail);
}

function refuseOtherKind(kind: string | undefined): void {
  if (kind !== undefined && kind !== VALUE_KIND) {
    throw mismatch(`only a ${VALUE_KIND} takes a bare value; post updates to items of other kinds`);
  }
}

function preconditionFailed(current: number): DetailedProblem {
  const detail = current > 0 ? `the item is at version ${current}` : 'there is no such item';
  return new DetailedProblem('preconditionFailed', detail, {
    headers: current > 0 ? ['ETag', versionTag(current)] : [],
  });
}
