import type { Delta } from '../model/head.ts';
import type { DeltaAnswer } from '../protocol/get-updates.ts';

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** A delta as clients see it. */
export function deltaAnswer(delta: Delta): DeltaAnswer {
  return {
    version: delta.v,
    ...(delta.i === undefined ? {} : { index: delta.i }),
    op: delta.op,
    ...(delta.c === undefined ? {} : { clientId: delta.c }),
    ...(delta.s === undefined ? {} : { seq: delta.s }),
    updatedAt: timeText(delta.t),
  };
}
