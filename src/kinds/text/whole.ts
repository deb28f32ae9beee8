import { isObject, type Json } from '../../base/json.ts';
import type { Compare, Since } from '../kind.ts';
import { asOne, isTooLong, isTrivial, middleOf } from './diff.ts';
import { type Edit, flawOf, toChange } from './edits.ts';
import { changed, type TextState } from './state.ts';

/** The edits that make a text of the one it was made on; `tooLarge`: what has changed is too long to be compared. */
export async function unfold(op: unknown, { doc }: TextState, compare: Compare): Promise<unknown | 'tooLarge'> {
  if (!isObject(op) || Object.keys(op).sort().join() !== 'base,text' || flawOf(op.text)) return op;
  const middle = middleOf(doc.toString(), op.text as string);
  if (isTrivial(middle)) return { base: op.base, edits: asOne(middle) };
  if (isTooLong(middle)) return 'tooLarge';
  const found = await compare(middle.before, middle.after);
  return { base: op.base, edits: found.map(([from, del, ins]) => [middle.from + from, del, ins]) };
}

/** The text before a delta. What edits delete is kept with them where it is short. */
export function undo(state: TextState, { op, u }: Since): TextState | undefined {
  const edits = (op as { edits?: unknown }).edits as readonly Edit[] | undefined;
  if (!edits || (u === undefined && edits.some(([, del]) => del > 0))) return undefined;
  const deleted = u as unknown as readonly Json[] | undefined;
  const back: Edit[] = [];
  let grown = 0;
  for (const [i, [pos, del, ins]] of edits.entries()) {
    back.push([pos + grown, ins.length, String(deleted?.[i] ?? '')]);
    grown += ins.length - del;
  }
  return changed(state, toChange(back, state.doc.length));
}
