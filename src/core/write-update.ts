import { isObject, type Json } from '../base/json.ts';
import type { Head } from '../model/head.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import { HeadCommitter } from './commit-head.ts';
import { type HeldHead, LOOP, RetryLater } from './context.ts';
import { isCovered, planCoverage } from './coverage.ts';
import { markAfter } from './decide-restore.ts';
import { decideUpdate, findRepeat, invalid, mustRemember, remember } from './decide-update.ts';
import { makeDurable, markStored, snapshotOf } from './durable.ts';
import { getFloor, type HeldFloor } from './floor.ts';
import type { Heads } from './heads.ts';
import { judgeCreation } from './judge-creation.ts';
import { accepted, type Next, nextHead, sameAgain, type WriteRequest } from './next-head.ts';
import type { Snapshot } from './rows.ts';
import type { SpaceState } from './space-state.ts';
import type { SpaceDeps } from './spaces/settings.ts';
import { CHANGED, type Values } from './values.ts';

export type Written =
  | { readonly done: false; readonly result: UpdateResult }
  | { readonly done: true; readonly version: number; readonly durableVersion: number; readonly extra: object };

/** What one request has achieved so far. */
type Attempt = {
  /** Read afresh: what is remembered has proved stale. */
  cold: boolean;
  /** Names the write where no client does. */
  readonly id: string;
  /** The version that holds the update, and the lineage it is in. */
  mine: { readonly v: number; readonly L: number } | undefined;
  extra: object;
  /** It opened the item, or may have: stored before the answer. */
  first: boolean;
};

/**
 * The writer's flow. One turn: judge the update from a head, announce it in the recent index, replace the head by `cas`, read the floor after that. A
 * turn that lost a race begins again from a fresh head. An update is acknowledged only when a reader with any older marker is sure to find it,
 * and, for first updates, releases, deletes and `durable`, when the store has it.
 */
export class UpdateWriter {
  readonly #deps: SpaceDeps;
  readonly #values: Values;
  readonly #heads: Heads;
  readonly #committer: HeadCommitter;

  constructor(deps: SpaceDeps, values: Values, heads: Heads) {
    this.#deps = deps;
    this.#values = values;
    this.#heads = heads;
    this.#committer = new HeadCommitter(deps, values, heads);
  }

  /** Throws `Failure` and `RetryLater`; then the update may or may not be in the item, and a repeat finds out. */
  async write(space: SpaceState, request: WriteRequest): Promise<Written> {
    const { clock, metrics, random } = this.#deps;
    const until = clock.monotonic() + LOOP.updateMs;
    const attempt: Attempt = { cold: false, id: random.id().slice(0, 8), mine: undefined, extra: {}, first: false };
    for (let turn = 0; turn < LOOP.turns && clock.monotonic() < until; turn++) {
      if (turn > 2) await clock.sleep(random.fraction() * Math.min(2 ** turn, 100));
      metrics.count('update_turns');
      const written = await this.#turn(space, request, attempt);
      if (written) return written;
      attempt.cold = true;
    }
    throw new RetryLater('contention', 100);
  }

  async #turn(space: SpaceState, request: WriteRequest, attempt: Attempt): Promise<Written | undefined> {
    const remembered = attempt.cold ? undefined : this.#heads.remembered(space, request.item);
    const { held, floor, fresh } = remembered ?? (await this.#heads.forWrite(space, request.item, attempt.cold));
    const { head } = held;
    const rolledBack = attempt.mine && !(head.L === attempt.mine.L && head.v >= attempt.mine.v);
    if (rolledBack) attempt.mine = undefined; // it may not be in the item any more: see whether it is, or apply it again
    if (rolledBack && !request.writer && head.ws.includes(attempt.id)) attempt.mine = { v: head.v, L: head.L };
    if (request.writer && request.update && !attempt.mine) {
      const repeat = findRepeat(head, request.writer);
      if (repeat.kind !== 'new' && !fresh) return undefined;
      if (repeat.kind === 'refused')
        return { done: false, result: invalid(request.update, repeat.code, repeat.detail).result };
      if (repeat.kind === 'repeat' && isRefusal(repeat.extra))
        return this.#refusedAgain(space, request, attempt, held, repeat.extra.refused);
      if (repeat.kind === 'repeat') return this.#repeated(space, request, attempt, held, repeat);
    }
    const again = attempt.mine !== undefined || request.update === undefined;
    if (again && head.absent) throw new RetryLater('contention', 50);
    const state = head.ref ? await this.#values.stateOf(space.id, request.item, held) : this.#values.inlineState(head);
    if (state === CHANGED) return undefined;
    if (again || !request.update)
      return this.#commit(space, request, attempt, held, floor, sameAgain(request, head, state));
    const context = { now: request.now, version: head.v };
    let verdict = decideUpdate(this.#deps.kinds, head, () => state, request.update, context);
    if (verdict.kind === 'accept' && verdict.creates)
      verdict = await judgeCreation(this.#deps, space.id, request.update, verdict);
    if (verdict.kind === 'refuse') {
      if (!fresh) return undefined; // no write will tell whether this head still stands
      const { result } = verdict;
      if (result.result === 'ok') return this.#unchanged(space, request, attempt, held, floor, state, result);
      if (!(await this.#rememberRefusal(space, request, held, result))) return undefined;
      return this.#refused(result, head, state);
    }
    return this.#commit(space, request, attempt, held, floor, accepted(request, head, verdict));
  }

  /** Conflicts carry the value that stands. */
  #refused(result: UpdateResult, head: Head, state: unknown): Written {
    const shows = (result.result === 'conflict' || result.result === 'resync') && !head.dead && result.value == null;
    if (!shows) return { done: false, result };
    return { done: false, result: { ...result, value: this.#values.kindOf(head).value(state) } as UpdateResult };
  }

  /** Nothing to change, yet what the request asks for besides is done: a release ends the opening, and what stands is stored. */
  async #unchanged(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    floor: HeldFloor,
    state: unknown,
    result: UpdateResult & { result: 'ok' },
  ): Promise<Written | undefined> {
    const { head } = held;
    const { item: _item, result: _result, version: _version, durableVersion: _durable, ...extra } = result;
    attempt.extra = extra;
    if (request.update?.release && head.open) {
      const next = { ...sameAgain(request, head, state), accepted: { extra } };
      return this.#commit(space, request, attempt, held, floor, next);
    }
    if (!(await this.#rememberRefusal(space, request, held, result))) return undefined;
    if (head.absent) return { done: false, result };
    const latest = space.held.get(request.item) ?? held;
    return this.#stands(space, request, attempt, latest, head.v);
  }

  /** Writes into the head that the request was refused; no new version. `false`: the head has changed, begin again. */
  async #rememberRefusal(
    space: SpaceState,
    request: WriteRequest,
    held: HeldHead,
    result: UpdateResult,
  ): Promise<boolean> {
    if (!request.writer || !mustRemember(result)) return true;
    const memory = remember(held.head, request.writer, held.head.v, { refused: result } as unknown as Json);
    const mark = markAfter(held.head.back, request.now, request.writer);
    return this.#committer.amend(space, request.item, held, { ...held.head, ...memory, ...mark });
  }

  async #refusedAgain(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    result: UpdateResult,
  ): Promise<Written | undefined> {
    this.#deps.metrics.count('updates_repeated');
    if (result.result !== 'ok' || held.head.absent) {
      const state = await this.#values.stateOf(space.id, request.item, held);
      return state === CHANGED ? undefined : this.#refused(result, held.head, state);
    }
    const { item: _item, result: _result, version, durableVersion: _durable, ...extra } = result;
    attempt.extra = extra;
    return this.#stands(space, request, attempt, held, version);
  }

  /** The request was applied before: its answer again, once it is as safe as a first answer must be. */
  async #repeated(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    repeat: { readonly version: number; readonly extra?: unknown },
  ): Promise<Written | undefined> {
    this.#deps.metrics.count('updates_repeated');
    attempt.extra = (repeat.extra as object | undefined) ?? {};
    attempt.first = true; // it may have been one: what a first attempt promises, a repeat keeps
    return this.#stands(space, request, attempt, held, repeat.version);
  }

  /** What the request asks for stands already, as of `version`: acknowledged once it is as safe as a first acknowledgement. */
  async #stands(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    version: number,
  ): Promise<Written | undefined> {
    attempt.mine = { v: version, L: held.head.L };
    const floor = await getFloor(this.#deps, space.id);
    const announced = (held.head.av ?? 0) >= version || isCovered(held.head, floor.floor);
    if (!announced) return undefined; // too late for some reader: say it again
    const state = await this.#values.stateOf(space.id, request.item, held);
    if (state === CHANGED) return undefined;
    return this.#finish(space, request, attempt, held, snapshotOf(this.#values, held.head, state));
  }

  /** Reserve, announce, `cas`, check: one turn's writes. `undefined`: begin again. */
  async #commit(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    floor: HeldFloor,
    next: Next,
  ): Promise<Written | undefined> {
    const { item } = request;
    const before = held.head;
    const v = before.v + Math.max(1, next.deltas.length);
    const opening = !before.open || v > before.ceil;
    if (opening && request.update) this.#heads.admitFirst();
    const ceil = opening ? await this.#committer.reserve(space, item, held) : before.ceil;
    if (ceil === undefined || ceil < v) return undefined;
    const cover = planCoverage(before, floor.floor, this.#deps.config.persistMs);
    if (
      (cover.renew || opening) &&
      !(await this.#committer.announce(space.id, item, before, cover, opening, request.now))
    )
      return undefined;
    attempt.first ||= !before.open;
    const plan = this.#committer.layOut(before, v, next);
    if (plan.newBody || plan.newSegment) await this.#committer.writeParts(space.id, plan);
    const head = nextHead(request, attempt.id, before, next, plan, { v, ceil, e: cover.e, cu: cover.cu });
    const replaced = await this.#committer.replace(space, item, held, head, (now) => versionOf(now, request, attempt));
    if (replaced.outcome === 'landed') attempt.mine ??= { v: replaced.v, L: replaced.L };
    if (replaced.outcome !== 'stored') return undefined;
    if (next.accepted) attempt.extra = next.accepted.extra;
    attempt.mine ??= { v, L: head.L };
    this.#values.remember(space.id, item, head, next.state);
    const snapshot = snapshotOf(this.#values, head, next.state);
    const announced = replaced.floor !== undefined && isCovered(head, replaced.floor.floor);
    this.#heads.committed(space, item, snapshot, announced);
    if (!announced) {
      this.#deps.metrics.count('late_post_checks');
      return undefined; // a reader may have passed: the same content again, announced anew
    }
    if (!this.#promisesStore(request, attempt, head)) return visible(attempt, head, replaced.held.head.pv);
    return this.#finish(space, request, attempt, replaced.held, snapshot);
  }

  /** Must the store have it before the answer? */
  #promisesStore({ update }: WriteRequest, attempt: Attempt, head: Head): boolean {
    if (!update) return false;
    return (
      this.#deps.config.durableAlways ||
      attempt.first ||
      update.durable === true ||
      update.release === true ||
      !head.open
    );
  }

  /** Visible and findable: now as durable as promised, then answered. */
  async #finish(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    held: HeldHead,
    snapshot: Snapshot,
  ): Promise<Written | undefined> {
    const { item } = request;
    const { head } = snapshot;
    if (!this.#promisesStore(request, attempt, head)) return visible(attempt, head, held.head.pv);
    const fresh = async () => (await this.#heads.forWrite(space, item, true)).held;
    if (!(await makeDurable(this.#deps, this.#values, space, item, snapshot, fresh))) {
      attempt.mine = undefined; // that life of the item was rolled back: apply it again
      return undefined;
    }
    this.#heads.stored(space, item, snapshot);
    await markStored(this.#deps, space, item, held, { v: head.v, L: head.L, announced: true });
    return { done: true, version: attempt.mine?.v ?? head.v, durableVersion: head.v, extra: attempt.extra };
  }
}

function visible(attempt: Attempt, head: Head, stored: number): Written {
  const version = attempt.mine?.v ?? head.v;
  return { done: true, version, durableVersion: Math.min(stored, version), extra: attempt.extra };
}

function isRefusal(extra: unknown): extra is { readonly refused: UpdateResult } {
  return isObject(extra) && 'refused' in extra;
}

/** The version with which the head took in this very write; where that is not remembered, a version that has it. */
function versionOf(head: Head, request: WriteRequest, attempt: Attempt): number | undefined {
  if (!request.writer) return head.ws.includes(attempt.id) ? head.v : undefined;
  const repeat = findRepeat(head, request.writer);
  return repeat.kind === 'repeat' && !isRefusal(repeat.extra) ? repeat.version : undefined;
}
