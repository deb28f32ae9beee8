import { isFailure } from '../ports/failure.ts';
import { MAX_ANSWER_BYTES, MAX_RECORD_BYTES } from '../protocol/limits.ts';
import type { PostUpdateRequest, Update, UpdateResult } from '../protocol/post-update.ts';
import type { Deps } from './context.ts';
import { hashUpdate, type Writer } from './decide-update.ts';
import type { Dirtiness } from './dirtiness.ts';
import type { Caller, PostOptions } from './engine-types.ts';
import { FailedKind } from './failed-kind.ts';
import type { ItemQueue } from './item-queue.ts';
import type { Room } from './next-head.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf } from './trouble.ts';
import { saysWhole, type Unfolder } from './unfold.ts';
import type { UpdateWriter } from './write-update.ts';

export type PostParts = {
  readonly deps: Deps;
  readonly writer: UpdateWriter;
  readonly dirtiness: Dirtiness;
  readonly queue: ItemQueue;
  readonly unfolder: Unfolder;
  readonly hint: (space: SpaceState) => void;
};

/** The updates of one request in their order; each result stands alone. */
export async function postUpdates(
  parts: PostParts,
  space: SpaceState,
  request: PostUpdateRequest,
  caller: Caller,
  how: PostOptions = {},
): Promise<UpdateResult[]> {
  const results: UpdateResult[] = [];
  const room: Room = { bytes: MAX_ANSWER_BYTES };
  for (const [place, update] of request.updates.entries()) {
    const writer = writerOf(request, update, place, caller);
    const post = (one: Update) =>
      parts.queue.run(space.id, one.item, () =>
        postOne(parts, space, { update: one, writer, caller, client: request.clientId, room, ...how }),
      );
    results.push(await (saysWhole(update) ? postWhole(parts, space, update, writer, post) : post(update)));
  }
  return results;
}

async function postWhole(
  parts: PostParts,
  space: SpaceState,
  update: Update,
  writer: Writer | undefined,
  post: (update: Update) => Promise<UpdateResult>,
): Promise<UpdateResult> {
  try {
    const unfolded = await parts.unfolder.unfold(space, update, writer);
    if ('update' in unfolded) return await post(unfolded.update);
    parts.deps.metrics.count('updates_refused');
    return unfolded.result;
  } catch (error) {
    return failed(parts.deps, update, error);
  }
}

function writerOf(request: PostUpdateRequest, update: Update, place: number, caller: Caller): Writer | undefined {
  const { clientId, seq } = request;
  if (clientId === undefined || seq === undefined) return undefined;
  return { key: `${caller.subject}/${clientId}`, client: clientId, seq, place, hash: hashUpdate(update) };
}

type Posted = PostOptions & {
  readonly update: Update;
  readonly writer: Writer | undefined;
  readonly caller: Caller;
  readonly client: string | undefined;
  readonly room: Room;
};

async function postOne(
  parts: PostParts,
  space: SpaceState,
  { update, writer, caller, client, room, overLocks }: Posted,
): Promise<UpdateResult> {
  const { deps } = parts;
  const started = deps.clock.monotonic();
  try {
    parts.dirtiness.admitAny();
    const request = {
      item: update.item,
      update,
      ...(writer ? { writer } : {}),
      subject: caller.subject,
      client,
      room,
      ...(overLocks ? { overLocks } : {}),
      now: deps.clock.now(),
    };
    const written = await parts.writer.write(space, request);
    if (!written.done) {
      deps.metrics.count('updates_refused');
      return written.result;
    }
    deps.metrics.count('updates_accepted');
    return {
      item: update.item,
      result: 'ok',
      version: written.version,
      durableVersion: written.durableVersion,
      ...written.extra,
    };
  } catch (error) {
    return failed(deps, update, error);
  } finally {
    parts.hint(space); // also after a failure: something may have become visible
    deps.metrics.observe('post_ms', deps.clock.monotonic() - started);
  }
}

/** What became of an update that could not be carried through. */
function failed(deps: Deps, update: Update, error: unknown): UpdateResult {
  deps.metrics.count('updates_refused');
  const { item } = update;
  const trouble = troubleOf(error);
  if (trouble) return { item, result: 'retry', ...trouble };
  if (error instanceof FailedKind) return { item, result: 'invalid', code: 'kindUnknown', detail: error.message };
  if (isFailure(error, 'tooLarge')) return { item, result: 'tooLarge', limit: MAX_RECORD_BYTES };
  if (isFailure(error, 'storeRefused'))
    return { item, result: 'invalid', code: 'badOp', detail: 'the item as it would become cannot be stored' };
  throw error;
}
