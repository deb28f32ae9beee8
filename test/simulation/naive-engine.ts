import type { Json } from '../../src/base/json.ts';
import type { Deps } from '../../src/core/context.ts';
import type { ItemState, PollOutcome } from '../../src/core/engine-types.ts';
import { headKey, itemRowKey } from '../../src/model/keys.ts';
import type { GetUpdatesQuery } from '../../src/protocol/get-updates.ts';
import type { ItemId, SpaceId } from '../../src/protocol/ids.ts';
import type { PostUpdateRequest, Update, UpdateResult } from '../../src/protocol/post-update.ts';
import type { SimEngine } from './fleet.ts';
import { ITEMS, kindOf } from './items.ts';
import { inFilter } from './reader.ts';

type Head = { readonly v: number; readonly t: number; readonly value?: Json };

/**
 * What one would write first, to show that the checkers notice: the marker is the wall time of the poll and an item is sent when its
 * stamp is younger, a repeat is applied again, and a lost head starts from the stored value.
 */
export function createNaiveEngine(deps: Deps): SimEngine {
  return {
    async postUpdate(space: SpaceId, request: PostUpdateRequest) {
      return { epoch: 'naive', results: await Promise.all(request.updates.map((update) => post(deps, space, update))) };
    },
    update: (space, update) => post(deps, space, update),
    poll(space, query, deliver) {
      park(deps, space, query).then(deliver, () =>
        deliver({ problem: { status: 503, code: 'cacheUnavailable', title: '', detail: '' } }),
      );
      return () => {};
    },
    ops: () => () => {},
    pictures: { file: async () => undefined, stored: async () => [] },
    readItem: (space, item) => readItem(deps, space, item),
    lock: async () => ({ result: 'granted', fence: 1, ttlMs: 1 }),
    unlock: async () => {},
    freeLocks: async () => {},
    sweep: async () => ({ swept: 0, pruned: 0 }),
    stats: () => ({ parkedPolls: 0, coldReads: 0, resyncs: 0, dirtyItems: 0, oldestDirtyMs: 0, watchedSpaces: 0 }),
    stop: async () => {},
  };
}

async function post(deps: Deps, space: SpaceId, update: Update): Promise<UpdateResult> {
  try {
    for (;;) {
      const { head, token } = await readHead(deps, space, update.item);
      const at = { item: update.item, version: head.v, durableVersion: head.v };
      if (update.ifVersion !== undefined && update.ifVersion !== head.v) return { ...at, result: 'conflict' };
      const t = deps.clock.now();
      const next: Head = { v: head.v + 1, t, ...apply(deps, head, update) };
      const bytes = Buffer.from(JSON.stringify(next));
      const stored = token
        ? (await deps.cache.cas(headKey(space, update.item), bytes, token)).status === 'stored'
        : await deps.cache.add(headKey(space, update.item), bytes);
      if (!stored) continue;
      await store(deps, space, update.item, next);
      return { item: update.item, result: 'ok', version: next.v, durableVersion: next.v };
    }
  } catch {
    return { item: update.item, result: 'retry', code: 'cacheUnavailable', retryAfterMs: 100 };
  }
}

function apply(deps: Deps, head: Head, update: Update): { readonly value?: Json } {
  const kind = deps.kinds.get(kindOf(update.item));
  if (!kind || 'delete' in (update.op as object)) return {};
  const state = head.value === undefined ? kind.empty() : kind.decode(head.value);
  const applied = kind.apply(state, update.op, { now: 0, version: head.v });
  return applied.result === 'ok' ? { value: kind.encode(applied.state) } : {};
}

async function store(deps: Deps, space: SpaceId, item: string, head: Head): Promise<void> {
  const key = itemRowKey(space, item);
  await deps.store.transact([key], () => ({
    changes: [{ key, record: { data: JSON.stringify(head), indexes: {} } }],
    result: undefined,
  }));
}

async function readHead(deps: Deps, space: SpaceId, item: string) {
  const [entry] = await deps.cache.get([headKey(space, item)]);
  if (entry) return { head: JSON.parse(entry.value.toString()) as Head, token: entry.token };
  const [row] = await deps.store.read([itemRowKey(space, item)]);
  return { head: row ? (JSON.parse(row.data) as Head) : { v: 0, t: 0 }, token: undefined };
}

async function park(deps: Deps, space: SpaceId, query: GetUpdatesQuery): Promise<PollOutcome> {
  const until = deps.clock.monotonic() + (query.wait ?? 0) * 1000;
  for (;;) {
    const outcome = await read(deps, space, query);
    if (!('answer' in outcome) || !outcome.answer.empty || deps.clock.monotonic() >= until) return outcome;
    await deps.clock.sleep(500);
  }
}

async function read(deps: Deps, space: SpaceId, query: GetUpdatesQuery): Promise<PollOutcome> {
  const since =
    query.marker === undefined ? 0 : query.marker === 'now' ? Number.POSITIVE_INFINITY : Number(query.marker);
  const now = deps.clock.now();
  const heads = await Promise.all(
    ITEMS.filter((item) => inFilter(query, item)).map(async (item) => ({
      item,
      ...(await readHead(deps, space, item)).head,
    })),
  );
  const items = heads
    .filter(({ v, t }) => v > 0 && t > since)
    .map(({ item, v, value }) => {
      const base = { id: item, kind: kindOf(item), version: v, durableVersion: 0, updatedAt: '' };
      return value === undefined ? { ...base, deleted: true } : { ...base, value };
    });
  const body = { marker: String(now), epoch: 'naive', upToDate: true, changesRemaining: 0, items };
  return { answer: { body: Buffer.from(JSON.stringify(body)), marker: body.marker, empty: items.length === 0 } };
}

async function readItem(deps: Deps, space: SpaceId, item: ItemId): Promise<ItemState | undefined> {
  const { head } = await readHead(deps, space, item);
  if (head.v === 0) return undefined;
  const base = { kind: kindOf(item), version: head.v, durableVersion: head.v, updatedAt: '' };
  return head.value === undefined ? { ...base, deleted: true } : { ...base, deleted: false, value: head.value };
}
