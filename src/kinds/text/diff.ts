import diff from 'fast-diff';
import { MAX_TEXT_DIFF_CHARS } from '../../protocol/limits.ts';
import type { Edit } from './edits.ts';

/** Two texts without what is the same at both ends: they differ between `from` and, counted from the end, `rest`. */
export type Middle = { readonly from: number; readonly before: string; readonly after: string };

export function middleOf(before: string, after: string): Middle {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before.charCodeAt(from) === after.charCodeAt(from)) from++;
  if (isHigh(before, from - 1) || isHigh(after, from - 1)) from--;
  let rest = 0;
  while (rest < shorter - from && before.at(-1 - rest) === after.at(-1 - rest)) rest++;
  if (isLow(before, before.length - rest) || isLow(after, after.length - rest)) rest--;
  return { from, before: before.slice(from, before.length - rest), after: after.slice(from, after.length - rest) };
}

/** Edits that make the one text of the other. Exact only up to `MAX_TEXT_DIFF_CHARS`: beyond, all that lies between the common ends is one edit. */
export function editsBetween(before: string, after: string): readonly Edit[] {
  const middle = middleOf(before, after);
  return isTrivial(middle) || isTooLong(middle) ? asOne(middle) : compared(middle);
}

export function isTooLong({ before, after }: Middle): boolean {
  return before.length > MAX_TEXT_DIFF_CHARS || after.length > MAX_TEXT_DIFF_CHARS;
}

/** Nothing to compare: all of it came, or went. */
export function isTrivial({ before, after }: Middle): boolean {
  return before === '' || after === '';
}

export function asOne({ from, before, after }: Middle): readonly Edit[] {
  return before === '' && after === '' ? [] : [[from, before.length, after]];
}

/** Costs milliseconds where the texts are long and have little in common. */
export function compared({ from, before, after }: Middle): readonly Edit[] {
  const edits: [number, number, string][] = [];
  let at = from;
  let open: [number, number, string] | undefined;
  for (const [what, text] of diff(before, after)) {
    if (what === diff.EQUAL) {
      at += text.length;
      open = undefined;
      continue;
    }
    if (!open) {
      open = [at, 0, ''];
      edits.push(open);
    }
    if (what === diff.INSERT) open[2] += text;
    else {
      open[1] += text.length;
      at += text.length;
    }
  }
  return edits;
}

function isHigh(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

function isLow(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00;
}
