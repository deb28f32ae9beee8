import type { Json } from '../../src/base/json.ts';
import type { DeltaAnswer } from '../../src/protocol/get-updates.ts';

export type KeptDelta = {
  readonly version: number;
  readonly op: Json;
  readonly clientId?: string;
  readonly seq?: number;
};

/** Deltas without a gap, and the version before the first of them. */
export type Chain = { readonly from: number; readonly deltas: readonly KeptDelta[] };

/**
 * What a client keeps so that it can bring back what a rollback takes: of each item the deltas newer than what it knows to be stored. A whole value
 * cuts the chain off; what was cut off may be lost.
 */
export class ChainKeeper {
  readonly #chains = new Map<string, Chain>();
  readonly #cutOff = new Map<string, Chain>();

  begin(item: string, version: number): void {
    const before = this.#chains.get(item);
    if (before && before.deltas.length > 0) this.#cutOff.set(item, before);
    this.#chains.set(item, { from: version, deltas: [] });
  }

  extend(item: string, deltas: readonly DeltaAnswer[]): void {
    const chain = this.#chains.get(item);
    if (!chain) return;
    const last = chain.deltas.at(-1)?.version ?? chain.from;
    const more = deltas.filter(({ version }) => version > last).map(kept);
    this.#chains.set(item, { ...chain, deltas: [...chain.deltas, ...more] });
  }

  stored(item: string, version: number): void {
    const chain = this.#chains.get(item);
    if (!chain || version <= chain.from) return;
    this.#chains.set(item, { from: version, deltas: chain.deltas.filter((delta) => delta.version > version) });
  }

  forget(item: string): void {
    this.#chains.delete(item);
  }

  /** Each is handed out once. */
  takeCutOff(): [item: string, chain: Chain][] {
    const taken = [...this.#cutOff];
    this.#cutOff.clear();
    return taken;
  }
}

function kept({ version, op, clientId, seq }: DeltaAnswer): KeptDelta {
  const sender = clientId === undefined || seq === undefined ? {} : { clientId, seq };
  return { version, op: op as Json, ...sender };
}
