import { encodeHead, type Head } from '../model/head.ts';
import { bodyKey, headKey, itemRowKey, spaceRowKey } from '../model/keys.ts';
import { encodeRecord } from '../model/record.ts';
import type { ShardEntry } from '../model/shard-record.ts';
import { isFailure } from '../ports/failure.ts';
import { MAX_HEAD_BYTES, MAX_UNSTORED_BYTES } from '../protocol/limits.ts';
import { CHANGED, type Deps, type HeldHead, LOOP, RetryLater } from './context.ts';
import type { CoveragePlan } from './coverage.ts';
import { makeDurable, markStored, snapshotOf } from './durable.ts';
import { type HeldFloor, heldFloor } from './floor.ts';
import type { Heads } from './heads.ts';
import { unstored } from './history/keep-ops.ts';
import { droppedKeys, type Layout, layOut, tailBytes } from './layout.ts';
import { mendShard } from './mend-shard.ts';
import type { Next } from './next-head.ts';
import { decideReserve } from './rows.ts';
import { appendEntry, indexShards, ledgerShards, shardKeyOf } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { transactNeeding } from './transact-needing.ts';
import { type Values, writeBody } from './values.ts';

export type Replaced =
  | { readonly outcome: 'stored'; readonly held: HeldHead; readonly floor: HeldFloor | undefined }
  | { readonly outcome: 'lost' }
  /** No answer, but found to have happened. */
  | { readonly outcome: 'landed'; readonly v: number; readonly L: number };

/** The writes of one turn of the writer's flow, in the order in which they must happen. */
export class HeadCommitter {
  readonly #deps: Deps;
  readonly #values: Values;
  readonly #heads: Heads;

  constructor(deps: Deps, values: Values, heads: Heads) {
    this.#deps = deps;
    this.#values = values;
    this.#heads = heads;
  }

  /** Opens the item in the store, or reserves more numbers. Returns the ceiling; `undefined`: read again. */
  async reserve(space: SpaceState, item: string, held: HeldHead): Promise<number | undefined> {
    const { store, cache, clock, metrics } = this.#deps;
    const { head } = held;
    const state = await this.#values.stateOf(space.id, item, held);
    if (state === CHANGED) return undefined;
    const ceil = Math.max(head.ceil + 1, head.v + LOOP.reserve);
    const [snapshot, next] = [snapshotOf(this.#values, head, state), { ceil, now: clock.now() }];
    const row = itemRowKey(space.id, item);
    const reserved = await transactNeeding(store, head.dead ? [row, spaceRowKey(space.id)] : [row], (shown) =>
      decideReserve(space.id, item, snapshot, next, shown),
    );
    if (reserved.outcome === 'reserved') {
      metrics.count('store_writes');
      return reserved.ceil;
    }
    await cache.delete(headKey(space.id, item), held.token);
    space.held.delete(item);
    return undefined;
  }

  /** Kinds that keep their history: has the head so many operations that the store lacks that they have to go there first? */
  isFull(head: Head): boolean {
    return (
      !head.dead &&
      head.open &&
      this.#values.kindOf(head).ops !== undefined &&
      tailBytes(unstored(head)) > MAX_UNSTORED_BYTES
    );
  }

  /** Stores what the head has. Afterwards it is to be read again. */
  async makeRoom(space: SpaceState, item: string, held: HeldHead): Promise<void> {
    const { head } = held;
    const state = await this.#values.stateOf(space.id, item, held);
    if (state === CHANGED) return;
    const fresh = async () => (await this.#heads.forWrite(space, item, true)).held;
    const snapshot = snapshotOf(this.#values, head, state);
    if (!(await makeDurable(this.#deps, this.#values, space, item, snapshot, fresh))) return;
    this.#heads.stored(space, item, snapshot);
    await markStored(this.#deps, space, item, held, { v: head.v, L: head.L, announced: false });
  }

  /**
   * The entries that make a change findable, before it is visible: in the recent index where coverage begins, in the ledger with each of them (so that a lost
   * ledger shard heals within N) and with each opening. `false`: a shard had to be mended, begin again.
   */
  async announce(
    space: string,
    item: string,
    head: Head,
    cover: CoveragePlan,
    opening: boolean,
    now: number,
  ): Promise<boolean> {
    const { metrics, random } = this.#deps;
    const appends: Promise<boolean>[] = [];
    if (cover.renew) {
      metrics.count('index_appends');
      const key = shardKeyOf(indexShards(this.#deps), space, item);
      appends.push(this.#append(space, key, { item, at: cover.cu, word: String(head.v) }, 'index'));
    }
    if (cover.renew || opening) {
      metrics.count('ledger_appends');
      const key = shardKeyOf(ledgerShards(this.#deps), space, item);
      appends.push(this.#append(space, key, { item, at: now, word: random.id() }, 'ledger'));
    }
    return (await Promise.all(appends)).every(Boolean);
  }

  async #append(space: string, key: string, entry: ShardEntry, kind: 'index' | 'ledger'): Promise<boolean> {
    if (await appendEntry(this.#deps, key, entry)) return true;
    await mendShard(this.#deps, space, key, kind);
    return false;
  }

  /** Where value and tail go. */
  layOut(before: Head, v: number, next: Next): Layout {
    if (next.head.dead) return { tb: v, segs: [], tail: [] };
    const kind = this.#values.kindOf(next.head);
    return layOut({
      head: before,
      v,
      fresh: next.fresh || next.whole,
      deltas: next.deltas.map((delta, i) => ({ v: before.v + 1 + i, ...delta })),
      encode: () => kind.encode(next.state),
      chars: next.chars,
      kind,
      ...(kind.ops ? { keepAfter: before.pv } : {}),
      newKey: () => this.#deps.random.id(),
    });
  }

  /** What lies outside the head is written before it, under names nobody knows yet. */
  async writeParts(space: string, { newBody, newSegment }: Layout): Promise<void> {
    if (newBody) await writeBody(this.#deps, space, newBody);
    if (newSegment)
      await this.#deps.cache.set(bodyKey(space, newSegment.key), encodeRecord({ deltas: newSegment.deltas }));
  }

  /** The `cas`, and the floor read after it. Whichever head loses takes its own records with it. */
  async replace(
    space: SpaceState,
    item: string,
    held: HeldHead,
    head: Head,
    versionIn: (head: Head) => number | undefined,
  ): Promise<Replaced> {
    const { cache, clock, metrics } = this.#deps;
    const bytes = encodeHead(head);
    if (bytes.length > MAX_HEAD_BYTES) throw new RetryLater('folding', 500);
    try {
      const { cas, read } = await cache.casThenGet(headKey(space.id, item), bytes, held.token, [space.floorKey]);
      if (cas.status !== 'stored') {
        metrics.count('cas_conflicts');
        space.held.delete(item);
        this.#dropParts(space.id, head, held.head);
        return { outcome: 'lost' };
      }
      this.#dropParts(space.id, held.head, head);
      const current = { head, token: cas.token };
      const floor = heldFloor(read[0]);
      if (floor && !space.seeFloor(floor, clock.monotonic())) space.held.set(item, current);
      return { outcome: 'stored', held: { ...current, bytes }, floor };
    } catch (error) {
      if (!isFailure(error) || !error.unclear) throw error;
      space.held.delete(item);
      const landed = await this.#heads.settle(space, item, versionIn);
      return landed ? { outcome: 'landed', ...landed } : { outcome: 'lost' };
    }
  }

  /** Replaces the head without a new version: what readers are told stays as it is. `false`: somebody else was first. */
  async amend(space: SpaceState, item: string, held: HeldHead, head: Head): Promise<boolean> {
    const cas = await this.#deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token);
    if (cas.status === 'stored') space.held.set(item, { head, token: cas.token });
    else space.held.delete(item);
    return cas.status === 'stored';
  }

  #dropParts(space: string, from: Head, to: Head): void {
    for (const key of droppedKeys(from, to)) void this.#deps.cache.delete(bodyKey(space, key)).catch(() => undefined);
  }
}
