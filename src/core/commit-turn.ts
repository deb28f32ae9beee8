import type { HeadCommitter } from './commit-head.ts';
import { CHANGED } from './context.ts';
import { isCovered, planCoverage } from './coverage.ts';
import { makeDurable, markStored, snapshotOf } from './durable.ts';
import { getFloor } from './floor.ts';
import type { Heads } from './heads.ts';
import { type Next, nextHead } from './next-head.ts';
import type { Pictures } from './pictures/pictures.ts';
import type { Snapshot } from './row-content.ts';
import type { SpaceDeps } from './spaces/settings.ts';
import type { Values } from './values.ts';
import { landedIn, promisesStore, type Turn, visible, type Written } from './write-turn.ts';

type TurnParts = {
  readonly deps: SpaceDeps;
  readonly values: Values;
  readonly heads: Heads;
  readonly committer: HeadCommitter;
  readonly pictures: Pictures | undefined;
};

/** The end of a turn that was judged: what is to be written, or stands already, is acknowledged once it is as findable and as durable as promised. */
export class TurnCommitter {
  readonly #deps: SpaceDeps;
  readonly #values: Values;
  readonly #heads: Heads;
  readonly #committer: HeadCommitter;
  readonly #pictures: Pictures | undefined;

  constructor({ deps, values, heads, committer, pictures }: TurnParts) {
    this.#deps = deps;
    this.#values = values;
    this.#heads = heads;
    this.#committer = committer;
    this.#pictures = pictures;
  }

  /** Reserve, announce, `cas`, check: one turn's writes. `undefined`: begin again. */
  async commit(turn: Turn, next: Next): Promise<Written | undefined> {
    const { space, request, attempt, held, floor } = turn;
    const [{ item }, before] = [request, held.head];
    if (this.#committer.isFull(before)) return this.#committer.makeRoom(space, item, held).then(() => undefined);
    this.#pictures?.admit(space, item, before, next.deltas);
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
    attempt.inDoubt = true;
    const replaced = await this.#committer.replace(space, item, held, head, (now) =>
      landedIn(now, request, attempt, next, v),
    );
    attempt.inDoubt = false;
    if (replaced.outcome === 'landed') attempt.mine ??= { v: replaced.v, L: replaced.L };
    if (replaced.outcome !== 'stored') return undefined;
    if (next.accepted) attempt.extra = { ...next.accepted.extra, ...next.accepted.shown };
    attempt.mine ??= { v, L: head.L };
    this.#values.remember(space.id, item, head, next.state);
    this.#pictures?.written(space, item, head, next.deltas);
    const snapshot = snapshotOf(this.#values, head, next.state);
    const announced = replaced.floor !== undefined && isCovered(head, replaced.floor.floor);
    this.#heads.committed(space, item, snapshot, announced);
    if (!announced) {
      this.#deps.metrics.count('late_post_checks');
      return undefined; // a reader may have passed: the same content again, announced anew
    }
    return this.#finish({ ...turn, held: replaced.held }, snapshot);
  }

  /** What the request asks for stands already, as of `version`: acknowledged once it is as safe as a first acknowledgement. */
  async stands(turn: Turn, version: number): Promise<Written | undefined> {
    const { space, request, attempt, held } = turn;
    attempt.mine = { v: version, L: held.head.L };
    const floor = await getFloor(this.#deps, space.id);
    const announced = (held.head.av ?? 0) >= version || isCovered(held.head, floor.floor);
    if (!announced) return undefined; // too late for some reader: say it again
    const state = await this.#values.stateOf(space.id, request.item, held);
    if (state === CHANGED) return undefined;
    return this.#finish(turn, snapshotOf(this.#values, held.head, state));
  }

  /** Visible and findable: now as durable as promised, then answered. */
  async #finish({ space, request, attempt, held }: Turn, snapshot: Snapshot): Promise<Written | undefined> {
    const [{ item }, { head }] = [request, snapshot];
    if (!promisesStore(request, attempt, head, this.#deps.config)) return visible(attempt, head, held.head.pv);
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
