import type { Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Chain, Kept } from './chain.ts';
import { emptyChain, extend } from './chain.ts';
import type { Local } from './local.ts';

/** What one loss of the cache may have taken of an item. */
export type Lost = {
  /** To be restored: without a gap, and from whoever sent it. */
  readonly chain: Chain;
  /** Made here and not part of the chain: to be sent again under their own numbers. */
  readonly mine: readonly Local[];
  /** Made here and part of the chain. */
  readonly covered: readonly Local[];
  /** The newest version that was known to be stored. */
  readonly from: number;
  readonly version: number;
  readonly value: Json | undefined;
};

type Returned = { readonly lost: Lost; readonly version: number; readonly epoch: string };

/** The server remembers so many rollbacks of an item. */
const MAX_LOSSES = 4;

/**
 * The losses of one item that are not made good, oldest first: each has the numbers of another life of the item, and goes back by itself. What has
 * gone back is kept until it is stored; if the cache is lost before, it is as lost as it was.
 */
export class Losses {
  #open: Lost[] = [];
  #returned: Returned[] = [];

  get first(): Lost | undefined {
    return this.#open[0];
  }

  get all(): readonly Lost[] {
    return this.#open;
  }

  add(lost: Lost): void {
    this.#open = [...this.#open, lost].sort((a, b) => a.version - b.version).slice(-MAX_LOSSES);
  }

  /** `undefined`: it is made good, or cannot be. */
  replace(lost: Lost, by: Lost | undefined): void {
    this.#open = this.#open.flatMap((one) => (one === lost ? (by ?? []) : one));
  }

  /** One operation that others may have followed: with what else the same loss took, where that is still here. */
  addLate(late: Kept, from: number, local: Local): void {
    const { version } = late;
    const same = this.#open.find(
      (one) => one.from === from || (one.from < version && version <= Math.max(one.version, from)),
    );
    const before = same?.chain ?? emptyChain(from);
    const deltas = [...before.deltas, late].sort((a, b) => a.version - b.version);
    const chain = extend(emptyChain(Math.min(before.from, from)), deltas);
    const covered = [...(same?.covered ?? []), local];
    const lost = { chain, mine: same?.mine ?? [], covered, from, version: Math.max(version, same?.version ?? 0) };
    if (same) this.replace(same, { ...same, ...lost });
    else this.add({ ...lost, value: undefined });
  }

  clear(): void {
    this.#open = [];
    this.#returned = [];
  }

  /** It is back as of this version. */
  returned(lost: Lost, version: number, epoch: string, durable: number): void {
    if (lost.chain.deltas.length > 0 && version > durable) this.#returned.push({ lost, version, epoch });
  }

  stored(durable: number): void {
    if (this.#returned.length > 0) this.#returned = this.#returned.filter(({ version }) => version > durable);
  }

  /** Another loss. What went back and is not part of what is known of the life that has ended is as lost as it was. */
  lose(lost: Lost, isLost: (version: number, epoch: string) => boolean): void {
    const again = this.#returned.filter(({ version, epoch }) => isLost(version, epoch));
    this.#returned = this.#returned.filter((one) => !again.includes(one));
    const reach = lost.chain.deltas.at(-1)?.version ?? 0;
    for (const one of again) if (one.version > reach) this.add({ ...one.lost, mine: [] });
    if (lost.chain.deltas.length > 0 || lost.mine.length > 0) this.add(lost);
  }
}

/** What a loss takes, of a chain and of the updates made here that were acknowledged: all that is newer than what is stored. */
export function lossOf(
  known: Chain,
  acked: readonly Local[],
  from: number,
  { lastWins, baseOf }: Pick<Kind, 'lastWins' | 'baseOf'>,
  value: Json | undefined,
): Lost {
  const last = known.deltas.at(-1)?.version ?? known.from;
  const whole = known.from <= from;
  // Also what the chain names: a copy of an old request that the network brings late keeps the server from restoring what its sender did after it.
  const isNamed = ({ acked: at }: Local): boolean =>
    known.deltas.some(({ clientId, seq }) => clientId === at?.clientId && seq === at?.seq);
  const isOver = (local: Local): boolean =>
    !whole || (local.acked?.version ?? 0) > last || (!lastWins && isNamed(local));
  // An operation on a version that is gone would be refused, and once its sender has sent it again nobody else can restore it.
  const mine = !whole && baseOf !== undefined ? [] : acked.filter(isOver);
  const covered = acked.filter((local) => !mine.includes(local));
  const version = Math.max(last, mine.at(-1)?.acked?.version ?? 0);
  return { chain: whole ? known : emptyChain(0), mine, covered, from, version, value };
}

/** The oldest version of a loss. */
export function firstOf({ chain, mine, covered }: Lost): number {
  const versions = [...mine, ...covered].map(({ acked }) => acked?.version ?? 0);
  return Math.min(...versions, chain.deltas[0]?.version ?? Number.POSITIVE_INFINITY);
}
