import type { Json } from '../../base/json.ts';
import { type SetState, type SetValue, set } from '../../kinds/set.ts';
import type { OpsResponse } from '../../protocol/ops.ts';
import type { StreamedOp } from '../shared/item-source.ts';

/** One operation. Its index is its place in the log, from 1 on. */
export type LogLine = {
  readonly verb: 'add' | 'remove' | 'create';
  readonly element: string;
  /** By its sender's clock, ms; of `create` there is none. */
  readonly t: number | undefined;
  readonly clientId: string | undefined;
  readonly updatedAt: string;
};

/** Every operation of a set, as pages of them come in, and the set that they give. */
export class OpLog {
  readonly lines: LogLine[] = [];
  #state: SetState = set.empty();
  #lineage: string | undefined;
  #isComplete = false;

  /** Of the operations that are here. */
  get lineage(): string | undefined {
    return this.#lineage;
  }

  /** When the last page came there was nothing after it. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Of the set that all operations give, one after the other. */
  get members(): readonly string[] {
    return (set.value(this.#state) as SetValue).members;
  }

  /** Operations that the item does not have any more are taken out first. */
  take({ ops, replaced, lineage, upToDate }: OpsResponse): void {
    if (replaced !== undefined) this.#cut(replaced - 1);
    if (ops[0] !== undefined && ops[0].index !== this.lines.length + 1)
      throw new Error('a page that does not continue the log');
    this.#lineage = lineage;
    this.#isComplete = upToDate;
    const lines = ops.map(readLine);
    for (const line of lines) this.lines.push(line);
    this.#fold(lines);
  }

  clear(): void {
    this.#cut(0);
    this.#lineage = undefined;
    this.#isComplete = false;
  }

  #cut(length: number): void {
    if (length >= this.lines.length) return;
    this.lines.length = length;
    this.#state = set.empty();
    this.#fold(this.lines);
  }

  #fold(lines: readonly LogLine[]): void {
    for (const { verb, element, t } of lines) {
      const delta: Json = verb === 'create' ? { create: { bias: element } } : { ops: [[verb, element, t ?? 0]] };
      this.#state = set.replay(this.#state, delta);
    }
  }
}

function readLine({ op, clientId, updatedAt }: StreamedOp): LogLine {
  if (Array.isArray(op)) {
    const [verb, element, t] = op as ['add' | 'remove', string, number];
    return { verb, element, t, clientId, updatedAt };
  }
  const { create } = op as { readonly create: { readonly bias: string } };
  return { verb: 'create', element: create.bias, t: undefined, clientId, updatedAt };
}
