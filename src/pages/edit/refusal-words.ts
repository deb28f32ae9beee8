import type { Outcome } from '../../client/connect.ts';
import type { Reserved } from '../../client/text/text.ts';

/** Why what was written was taken back, and what became of it. `holder`: the name of whoever the place is kept for, where that is known. */
export function wordsOfRefusal(
  lost: boolean,
  reserved: (Reserved & { readonly isOwn: boolean; readonly name?: string | undefined }) | undefined,
): string {
  const what = lost ? 'what you wrote is kept below' : 'what you deleted is back';
  if (reserved && !reserved.isOwn)
    return `${reserved.name ?? 'Somebody'} could not get through and has this place for a moment; ${what}.`;
  const first = `Somebody was faster at this place; ${what}.`;
  return reserved ? `${first} For ${Math.round(reserved.ttlMs / 1_000)} s it is yours alone.` : first;
}

export function wordsOfOutcome(outcome: Outcome): string {
  const kept = 'What you wrote is kept below.';
  if (outcome.result === 'problem' && outcome.status === 403) return `You may read this text, but not write. ${kept}`;
  if (outcome.result === 'tooLarge') return `The text would be longer than it may be. ${kept}`;
  if (outcome.result === 'locked') return `Somebody else holds this text just now. ${kept}`;
  return `The server did not take it. ${kept}`;
}
