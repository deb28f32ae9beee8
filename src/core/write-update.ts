import { must } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import type { Contest } from '../model/head.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import { HeadCommitter } from './commit-head.ts';
import { TurnCommitter } from './commit-turn.ts';
import { CHANGED, LOOP, RetryLater } from './context.ts';
import { markAfter } from './decide-restore.ts';
import { decideUpdate, findRepeat, invalid, mustRemember, remember, type Verdict } from './decide-update.ts';
import type { Heads } from './heads.ts';
import { judgeCreation } from './judge-creation.ts';
import { type Gate, isHolder } from './lock-rules.ts';
import type { Locks } from './locks.ts';
import { accepted, type Next, sameAgain, type WriteRequest } from './next-head.ts';
import { type Past, PastDeltas, remembered } from './past.ts';
import type { Pictures } from './pictures/pictures.ts';
import { Reservations, refusedAsBefore } from './reservations.ts';
import type { SpaceState } from './space-state.ts';
import type { SpaceDeps } from './spaces/settings.ts';
import type { Values } from './values.ts';
import {
  type Attempt,
  andThen,
  isRefusal,
  newAttempt,
  type Repeated,
  refusal,
  type Turn,
  type Written,
} from './write-turn.ts';

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
  readonly #turns: TurnCommitter;
  readonly #locks: Locks;
  readonly #past: PastDeltas;
  readonly #reservations: Reservations;

  constructor(deps: SpaceDeps, values: Values, heads: Heads, locks: Locks, pictures?: Pictures) {
    this.#deps = deps;
    this.#values = values;
    this.#heads = heads;
    this.#committer = new HeadCommitter(deps, values, heads);
    this.#turns = new TurnCommitter({ deps, values, heads, committer: this.#committer, pictures });
    this.#locks = locks;
    this.#past = new PastDeltas(deps.kinds, values);
    this.#reservations = new Reservations(deps);
  }

  /** Throws `Failure` and `RetryLater`; then the update may or may not be in the item, and a repeat finds out. */
  async write(space: SpaceState, request: WriteRequest): Promise<Written> {
    const { clock, metrics, random } = this.#deps;
    const until = clock.monotonic() + LOOP.updateMs;
    const attempt = newAttempt(random.id().slice(0, 8), request.lock !== undefined);
    try {
      for (let turn = 0; turn < LOOP.turns && clock.monotonic() < until; turn++) {
        if (turn > 2) await clock.sleep(random.fraction() * Math.min(2 ** turn, 100));
        metrics.count('update_turns');
        const written = await this.#turn(space, request, attempt);
        if (written) return written;
        attempt.cold = true;
      }
    } finally {
      if (attempt.ends || attempt.grant !== undefined || attempt.kept)
        await this.#locks.settle(space, request, attempt, (freeing) => this.write(space, freeing));
    }
    throw new RetryLater('contention', 100);
  }

  async #turn(space: SpaceState, request: WriteRequest, attempt: Attempt): Promise<Written | undefined> {
    const remembered = attempt.cold ? undefined : this.#heads.remembered(space, request.item);
    const { held, floor, fresh } = remembered ?? (await this.#heads.forWrite(space, request.item, attempt.cold));
    const { head } = held;
    const turn: Turn = { space, request, attempt, held, floor, fresh };
    const rolledBack = attempt.mine && !(head.L === attempt.mine.L && head.v >= attempt.mine.v);
    if (rolledBack) attempt.mine = undefined; // it may not be in the item any more: see whether it is, or apply it again
    if (rolledBack && !request.writer && head.ws.includes(attempt.id)) attempt.mine = { v: head.v, L: head.L };
    if (request.writer && request.update && !attempt.mine) {
      const repeat = findRepeat(head, request.writer);
      if (repeat.kind !== 'new' && !fresh) return undefined;
      if (repeat.kind === 'refused')
        return { done: false, result: invalid(request.update, repeat.code, repeat.detail).result };
      if (repeat.kind === 'repeat' && isRefusal(repeat.extra)) return this.#refusedAgain(turn, repeat.extra.refused);
      if (repeat.kind === 'repeat') return this.#repeated(turn, repeat);
    }
    const again = attempt.mine !== undefined || (request.update === undefined && request.lock === undefined);
    if (again && head.absent) throw new RetryLater('contention', 50);
    const state = head.ref ? await this.#values.stateOf(space.id, request.item, held) : this.#values.inlineState(head);
    if (state === CHANGED) return undefined;
    if (again) return this.#turns.commit(turn, sameAgain(request, head, state));
    return request.update ? this.#judge(turn, state) : this.#lockAlone(turn, state);
  }

  /** What the request asks for, from this head. Without a turn of the event loop where there is no lock to look at: every update comes through here. */
  #judge(turn: Turn, state: unknown): Promise<Written | undefined> {
    const gate = this.#locks.gate(turn.space, turn.request, turn.held.head);
    return andThen(gate, (known) => this.#apply(turn, known, state));
  }

  #apply(turn: Turn, gate: Gate, state: unknown): Promise<Written | undefined> {
    if (gate.kind === 'refuse') return this.#refuse(turn, gate.result, state);
    const past = this.#past.since(turn.space.id, turn.held.head, must(turn.request.update, 'an update'));
    return andThen(past, (since) => this.#decide(turn, gate, state, since));
  }

  #verdict({ request, held }: Turn, state: unknown, since: Past): Verdict {
    const context = { now: request.now, version: held.head.v, client: request.client, since };
    return decideUpdate(this.#deps.kinds, held.head, () => state, must(request.update, 'an update'), context);
  }

  #decide(turn: Turn, gate: Gate & { kind: 'pass' }, state: unknown, since: Past): Promise<Written | undefined> {
    const verdict = this.#verdict(turn, state, since);
    const judged =
      verdict.kind === 'accept' && verdict.creates
        ? judgeCreation(this.#deps, turn.space.id, must(turn.request.update, 'there is an update'), verdict)
        : this.#reservations.judge(turn, verdict, state, since);
    return andThen(judged, (known) => this.#carryOut(turn, gate, known, state));
  }

  #carryOut(turn: Turn, gate: Gate & { kind: 'pass' }, verdict: Verdict, state: unknown): Promise<Written | undefined> {
    const { request, held } = turn;
    const { head } = held;
    const update = must(request.update, 'there is an update');
    if (verdict.kind === 'accept' && verdict.applied.durable) turn.attempt.durable = true;
    const locks = gate.ends !== undefined || update.grab === true;
    if (verdict.kind !== 'refuse') {
      const next = accepted(request, head, verdict);
      return locks ? this.#commitLocked(turn, gate, next, state) : this.#turns.commit(turn, next);
    }
    const { result } = verdict;
    if (result.result !== 'ok' || !turn.fresh) return this.#refuse(turn, result, state, verdict.contest);
    const { item: _item, result: _result, version: _version, durableVersion: _durable, ...extra } = result;
    turn.attempt.extra = extra;
    const again = { ...sameAgain(request, head, state), accepted: { extra } };
    if (locks && !head.dead && (update.grab || update.release)) return this.#commitLocked(turn, gate, again, state);
    return this.#unchanged(turn, again, result);
  }

  async #commitLocked(turn: Turn, gate: Gate & { kind: 'pass' }, next: Next, state: unknown) {
    const locked = await this.#locks.withUpdate(turn, gate, next);
    if (locked.kind === 'refuse') return this.#refuse(turn, locked.result, state);
    return locked.kind === 'commit' ? this.#turns.commit(turn, locked.next) : undefined;
  }

  async #lockAlone(turn: Turn, state: unknown): Promise<Written | undefined> {
    const { attempt, request, held } = turn;
    const locked = await this.#locks.alone(turn, sameAgain(request, held.head, state));
    switch (locked.kind) {
      case 'commit':
        return this.#turns.commit(turn, locked.next);
      case 'refuse':
        return { done: false, result: locked.result };
      case 'again':
        return undefined;
      case 'stands': {
        attempt.extra = locked.extra;
        if (request.lock?.do !== 'grab' && (await this.#locks.forgetLeftover(turn))) return undefined;
        const { v, pv, fence } = held.head;
        if (request.lock?.do !== 'grab' || pv >= fence)
          return { done: true, version: v, durableVersion: Math.min(pv, v), extra: locked.extra };
        return this.#turns.stands(turn, fence); // its first answer was lost before it was stored
      }
    }
  }

  /** An answer that no `cas` guards. Conflicts carry the value that stands. */
  async #refuse(turn: Turn, result: UpdateResult, state: unknown, contest?: Contest): Promise<Written | undefined> {
    // Otherwise no write will tell whether this head still stands.
    if (!turn.fresh || !(await this.#rememberRefusal(turn, result, contest))) return undefined;
    return refusal(this.#values, result, turn.held.head, state);
  }

  /** Nothing to change, yet what the request asks for besides is done: a release ends the opening, and what stands is stored. */
  async #unchanged(turn: Turn, again: Next, result: UpdateResult): Promise<Written | undefined> {
    const { space, request, held } = turn;
    if (request.update?.release && held.head.open) return this.#turns.commit(turn, again);
    if (!(await this.#rememberRefusal(turn, result))) return undefined;
    if (held.head.absent) return { done: false, result };
    const latest = space.held.get(request.item) ?? held;
    return this.#turns.stands({ ...turn, held: latest }, held.head.v);
  }

  /** Writes into the head that the request was refused; no new version. `false`: the head has changed, begin again. */
  async #rememberRefusal({ space, request, held }: Turn, result: UpdateResult, contest?: Contest): Promise<boolean> {
    if (!request.writer || !mustRemember(result)) return true;
    const memory = remember(held.head, request.writer, held.head.v, { refused: remembered(result) } as unknown as Json);
    const mark = markAfter(held.head.back, request.now, request.writer);
    const counted = contest && { contest };
    return this.#committer.amend(space, request.item, held, { ...held.head, ...memory, ...mark, ...counted });
  }

  async #refusedAgain(turn: Turn, result: UpdateResult): Promise<Written | undefined> {
    const { space, request, attempt, held } = turn;
    this.#deps.metrics.count('updates_repeated');
    if (result.result !== 'ok' || held.head.absent) {
      const state = await this.#values.stateOf(space.id, request.item, held);
      if (state === CHANGED) return undefined;
      // What was in the way is in the way still, or is not known any more.
      const past = request.update && (await this.#past.since(space.id, held.head, request.update));
      const verdict = past && result.result === 'conflict' ? this.#verdict(turn, state, past) : undefined;
      return refusal(this.#values, refusedAsBefore(result, verdict, held.head.v), held.head, state);
    }
    const { item: _item, result: _result, version, durableVersion: _durable, ...extra } = result;
    attempt.extra = extra;
    return this.#turns.stands(turn, version);
  }

  /** The request was applied before: its answer again, once it is as safe as a first answer must be. */
  async #repeated(turn: Turn, repeat: Repeated): Promise<Written | undefined> {
    this.#deps.metrics.count('updates_repeated');
    const { space, request, held, attempt } = turn;
    const said = request.update && (await this.#past.saidAt(space.id, held.head, request.update, repeat.version));
    attempt.extra = { ...(repeat.extra as object | undefined), ...said };
    if (request.update?.grab && isHolder(held.head.lock, request)) attempt.kept = held.head.lock;
    attempt.first = true; // it may have been one: what a first attempt promises, a repeat keeps
    return this.#turns.stands(turn, repeat.version);
  }
}
