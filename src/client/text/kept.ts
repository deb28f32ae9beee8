import type { Text } from '@codemirror/state';
import { isObject } from '../../base/json.ts';
import type { Edit } from '../../kinds/text/edits.ts';

/** Where a text that was not acknowledged survives a reload; `load` gives what was saved last. */
export interface TextStorage {
  load(): string | undefined;
  save(text: string): void;
}

/** What it takes to go on: the text that the server was known to have, and what was written upon it. */
export type Kept = {
  readonly version: number;
  readonly synced: string;
  readonly sent: readonly Edit[] | undefined;
  readonly unsent: readonly Edit[];
};

const FORM = 1;

/** What is not of this form was not written by this program. */
export function readKept(storage: TextStorage | undefined): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(storage?.load() || 'null');
    return isObject(kept) && kept.form === FORM ? (kept as unknown as Kept) : undefined;
  } catch {
    return undefined;
  }
}

/** `undefined`: nothing is to be kept. */
export function writeKept(
  storage: TextStorage | undefined,
  kept: (Omit<Kept, 'synced'> & { readonly synced: Text }) | undefined,
): void {
  if (!storage) return;
  storage.save(kept ? JSON.stringify({ form: FORM, ...kept, synced: kept.synced.toString() }) : '');
}
