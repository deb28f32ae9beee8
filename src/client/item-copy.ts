import type { Json } from '../base/json.ts';
import type { ItemAnswer } from '../protocol/get-updates.ts';
import { type Chain, emptyChain, extend, jump, type Kept, MAX_KEPT, stored } from './chain.ts';
import type { ClientKind } from './client-kind.ts';
import { equal } from './equal.ts';
import { type Acked, isDelete, type Local, repeatOf } from './local.ts';
import { firstOf, Losses, type Lost, lossOf } from './losses.ts';

export type ClientKinds = ReadonlyMap<string, ClientKind>;
export type Lock = NonNullable<Extract<ItemAnswer, { kind: string }>['lock']>;

/** What the server has said of an item. `state` is `undefined` where it is deleted; of an unknown kind it is the value. */
type Held = {
  readonly kind: string;
  readonly version: number;
  readonly durableVersion: number;
  readonly epoch: string;
  readonly state: unknown;
  readonly lock: Lock | undefined;
};

export type Taken = 'news' | 'old' | 'misfit';

/**
 * One item as it is known here: what the server has said, apart from it the updates made here that this does not show yet, and the operations
 * that a loss of the cache would take.
 */
export class ItemCopy {
  readonly id: string;
  readonly locals: Local[] = [];
  /** The lock that this client holds. */
  fence: number | undefined;
  /** What losses of the cache have taken. */
  readonly losses = new Losses();
  /** It alone has gone back, and what that took has not been judged. */
  isRolledBack = false;
  readonly #kinds: ClientKinds;
  readonly #now: () => number;
  #held: Held | undefined;
  #chain: Chain = emptyChain(0);
  /** Made here, acknowledged, and not known to be stored. */
  #unstored: Local[] = [];
  /** The last rollback of this item alone. */
  #rolledBack: { readonly from: number; readonly to: number; readonly epoch: string } | undefined;

  constructor(id: string, kinds: ClientKinds, now: () => number) {
    this.id = id;
    this.#kinds = kinds;
    this.#now = now;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** As the server has it. */
  get confirmed(): Json | undefined {
    return this.#valueOf(this.#held?.kind, this.#held?.state);
  }

  /** With the updates made here. */
  get value(): Json | undefined {
    return this.#valueWith(this.locals);
  }

  /** A question about it is worth an answer in deltas. */
  get knowsKind(): boolean {
    return this.#held !== undefined && this.#kinds.has(this.#held.kind);
  }

  take(answer: ItemAnswer, epoch: string): Taken {
    if (!('kind' in answer)) return this.gone() ? 'news' : 'old';
    const before = this.#held;
    if (before && answer.version === before.version) {
      const { lock, durableVersion } = answer;
      this.#held = { ...before, epoch, durableVersion: Math.max(durableVersion, before.durableVersion), lock };
      this.stored(durableVersion);
      const shown = this.#dropShown(); // those that were acknowledged in the epoch that is now known here
      return shown || !equal(lock as Json | undefined, before.lock as Json | undefined) ? 'news' : 'old';
    }
    // Within one epoch numbers only rise; another one may be that of a server which begins anew.
    if (before && answer.version < before.version && before.epoch === epoch) return 'old';
    if ('value' in answer && answer.rolledBack) this.#noteRollback(answer.rolledBack, epoch);
    const { kind, version, durableVersion, lock } = answer;
    const next = { kind, version, durableVersion, epoch, lock };
    if ('deltas' in answer) {
      if (before?.state === undefined || before.kind !== kind || before.version < answer.from) return 'misfit';
      if (!this.#kinds.has(kind)) return 'misfit';
      const fresh = answer.deltas.filter((delta) => delta.version > before.version);
      this.#chain = stored(extend(this.#chain, fresh.map(keptOf)), durableVersion);
      this.#held = { ...next, state: this.#replayed(kind, before.state, fresh) };
    } else if ('deleted' in answer) {
      this.#held = { ...next, state: undefined };
      this.#unstored = [];
      this.#chain = emptyChain(version); // a deletion is stored before it is acknowledged
    } else {
      const value = answer.value as Json;
      this.#held = { ...next, state: this.#kinds.get(kind)?.open(value) ?? value };
      this.#chain = jump(this.#chain, version, durableVersion, this.#wholeOf(kind, version, value));
    }
    this.#forgetStored();
    this.#dropShown();
    return 'news';
  }

  stored(version: number): void {
    this.#chain = stored(this.#chain, version);
    if (this.#held && version > this.#held.durableVersion) this.#held = { ...this.#held, durableVersion: version };
    this.#forgetStored();
  }

  /** It is not there any more; whether it was. */
  gone(): boolean {
    const was = this.#held?.state !== undefined;
    this.#held = undefined;
    this.#chain = emptyChain(0);
    this.#unstored = [];
    for (const local of [...this.locals]) if (local.acked) this.drop(local);
    return was;
  }

  /** The answer to a local update: accepted, as this version. */
  acknowledge(local: Local, acked: Acked): void {
    local.acked = acked;
    if (!isDelete(local.op)) this.#unstored = [...this.#unstored, local].slice(-MAX_KEPT);
    this.#forgetStored();
    this.#dropShown();
  }

  drop(local: Local): void {
    const at = this.locals.indexOf(local);
    if (at >= 0) this.locals.splice(at, 1);
  }

  /** The server has begun a new epoch: what it had acknowledged beyond what is stored may be lost. */
  beginEpoch(epoch: string): void {
    this.#lose((at) => at.epoch !== epoch);
  }

  /** It was acknowledged, and a rollback has taken it: the answer came later than the news of that. */
  wasRolledBack({ version, epoch }: Pick<Acked, 'version' | 'epoch'>): boolean {
    const { from = 0, to = 0, epoch: then } = this.#rolledBack ?? {};
    return epoch === then && version > from && version <= to;
  }

  /** The item alone has gone back, within one epoch; once it is noted, its repeats tell nothing new. */
  #noteRollback({ from, to }: { readonly from: number; readonly to: number }, epoch: string): void {
    const before = this.#rolledBack;
    if (before?.epoch === epoch && before.from === from && before.to === to) return;
    this.#rolledBack = { from, to, epoch };
    const held = this.#held;
    if (held?.epoch === epoch && held.version > to) return;
    this.#lose((at) => this.wasRolledBack(at));
    // In another epoch this is part of a snapshot, at whose end everything is judged.
    this.isRolledBack = held === undefined || held.epoch === epoch;
  }

  #lose(isLost: (at: Pick<Acked, 'version' | 'epoch'>) => boolean): void {
    const before = this.#unstored.filter(({ acked }) => acked && isLost(acked));
    const kind = this.#kinds.get(this.#held?.kind ?? DEFAULT_KIND)?.kind ?? { lastWins: true };
    const value = this.#valueWith(this.locals.filter(({ acked }) => acked !== undefined));
    this.losses.lose(lossOf(this.#chain, before, this.#held?.durableVersion ?? 0, kind, value), (version, epoch) =>
      isLost({ version, epoch }),
    );
    for (const local of [...this.locals]) if (local.acked && isLost(local.acked)) this.drop(local);
    this.#unstored = this.#unstored.filter((local) => !before.includes(local));
    this.#chain = emptyChain(this.#held?.version ?? 0);
  }

  /** What stands now is known. What was lost of the updates made here is made again, to be sent under the numbers it had. */
  judgeLost(): readonly { readonly local: Local; readonly acked: Acked }[] {
    this.isRolledBack = false;
    return this.losses.all.flatMap((lost) => this.#judge(lost));
  }

  #judge(lost: Lost): readonly { readonly local: Local; readonly acked: Acked }[] {
    const held = this.#held;
    const deleted = held?.state === undefined;
    const stands =
      equal(this.confirmed, lost.value) ||
      (held?.version === lost.version && firstOf(lost) > (this.#rolledBack?.to ?? 0));
    const ends = deleted || stands || lost.chain.deltas.length === 0;
    // Another loss may come before the chain is restored.
    if (ends || lost.mine.length > 0) this.losses.replace(lost, ends ? undefined : { ...lost, mine: [] });
    if (stands && held) this.restored({ ...lost, covered: [...lost.covered, ...lost.mine] }, held);
    if (deleted || stands) return [];
    const again = lost.mine.flatMap((local) => {
      const { acked } = local;
      return acked ? [{ local: repeatOf(local, acked.version, lost.from), acked }] : [];
    });
    this.locals.unshift(...again.map(({ local }) => local));
    return again;
  }

  /** What was lost is back, as of this version. What was made here is remembered again until it is stored, and so is all of it. */
  restored(lost: Lost, { version, epoch, durableVersion }: Pick<Held, 'version' | 'epoch' | 'durableVersion'>): void {
    this.losses.returned(lost, version, epoch, durableVersion);
    if (version <= durableVersion) return;
    for (const local of lost.covered) if (local.acked) this.acknowledge(local, { ...local.acked, version, epoch });
  }

  /**
   * A repeat was too late: a later number of this client has come before it. Whether somebody has restored it is for the server to tell, from its
   * version. There may be gaps before it, so whoever has none goes first.
   */
  restoreLate(local: Local, clientId: string, seq: number): void {
    const { op, lost } = local;
    if (lost === undefined) return;
    const { from, version } = lost;
    const again = { ...repeatOf(local, version, from), acked: { version, epoch: '', clientId, seq } };
    this.losses.addLate({ version, op, clientId, seq }, from, again);
  }

  #forgetStored(): void {
    const durable = this.#held?.durableVersion ?? 0;
    this.losses.stored(durable);
    if (this.#unstored.length > 0)
      this.#unstored = this.#unstored.filter(({ acked }) => (acked?.version ?? 0) > durable);
  }

  #dropShown(): boolean {
    const shown = this.locals.filter(({ acked }) => acked && this.#shows(acked));
    for (const local of shown) this.drop(local);
    return shown.length > 0;
  }

  #shows({ version, epoch }: Acked): boolean {
    if (version === 0) return true; // nothing was there to delete
    return this.#held !== undefined && this.#held.epoch === epoch && this.#held.version >= version;
  }

  #wholeOf(kind: string, version: number, value: Json): Kept | undefined {
    const op = this.#kinds.get(kind)?.whole(value);
    if (op === undefined) return undefined;
    const mine = this.locals.find((local) => local.acked?.version === version)?.acked;
    return { version, op, ...(mine && { clientId: mine.clientId, seq: mine.seq }) };
  }

  #replayed(kind: string, state: unknown, deltas: readonly { readonly op?: unknown }[]): unknown {
    const known = this.#kinds.get(kind)?.kind;
    return deltas.reduce((now, { op }) => known?.replay(now ?? known.empty(), op as Json), state);
  }

  #valueOf(kind: string | undefined, state: unknown): Json | undefined {
    if (state === undefined || kind === undefined) return undefined;
    const known = this.#kinds.get(kind)?.kind;
    return known ? known.value(state) : (state as Json);
  }

  #valueWith(locals: readonly Local[]): Json | undefined {
    let kind = this.#held?.state === undefined ? undefined : this.#held.kind;
    let state = this.#held?.state;
    for (const local of locals) {
      if (isDelete(local.op)) state = undefined;
      else {
        if (state === undefined) kind = local.kind ?? DEFAULT_KIND;
        const known = kind === undefined ? undefined : this.#kinds.get(kind)?.kind;
        const context = { now: this.#now(), version: this.#held?.version ?? 0 };
        try {
          const applied = known?.apply(state ?? known.empty(), local.op, context);
          if (applied?.result === 'ok') state = applied.state;
        } catch {} // no operation of this kind, as the server will say
      }
    }
    return this.#valueOf(kind, state);
  }
}

export const DEFAULT_KIND = 'register';

type Delta = {
  readonly version: number;
  readonly op?: unknown;
  readonly clientId?: string | undefined;
  readonly seq?: number | undefined;
};

function keptOf({ version, op, clientId, seq }: Delta): Kept {
  return { version, op: op as Json, ...(clientId !== undefined && seq !== undefined ? { clientId, seq } : {}) };
}
