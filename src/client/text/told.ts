import type { ItemAnswer } from '../../protocol/get-updates.ts';

/** There was no room for it: it comes with a poll, or with the answer to the next attempt. */
export function isWithoutText({
  result,
  ...told
}: { readonly result: string } & { readonly [field: string]: unknown }) {
  if (told.value !== undefined) return false;
  return result === 'resync' || (result === 'conflict' && told.version !== 0 && !told.missed);
}

type Steps = Extract<ItemAnswer, { readonly deltas: unknown }>;

/** Edits alone: what makes a text anew is told by its value. */
export function isSteps(answer: ItemAnswer): answer is Steps {
  return 'deltas' in answer && answer.deltas.every(({ op }) => typeof op === 'object' && op !== null && 'edits' in op);
}
