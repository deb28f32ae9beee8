import { at, change, type Mutant, mutant } from './mutant.ts';

/** Each is noticed within a few runs of `simulatePresence`. */
export const PRESENCE_MUTANTS: readonly Mutant[] = [
  mutant(
    'emptyByRoster',
    'A space is empty only when the rows of its clients say so, too: the roster may have been lost.',
    undefined,
    change(
      'presence/empty-space',
      'if (page.some(([, row]) => isRecent(row))) return true;',
      'if (page.length < 0 && page.some(([, row]) => isRecent(row))) return true;',
    ),
  ),
  mutant(
    'noPuttingBack',
    'Clients that poll are put back into a roster that was lost.',
    undefined,
    change('presence/keeper', 'if (missing.length === 0) return;', 'if (missing.length >= 0) return;'),
  ),
  mutant(
    'lateLeave',
    'A leave of an older generation does not take out a later one.',
    at('presence', 140),
    change(
      'presence/roster-changes',
      'if (!before || before.g > g) return undefined;',
      'if (!before) return undefined;',
    ),
    change('presence/presence', 'if (g < row.generation) return;', ''),
    change('presence/depart', 'newer = row.generation > g;', 'newer = false;'),
  ),
  mutant(
    'claimEndsLaterPoll',
    'A claim ends no poll that came after it.',
    undefined,
    change('presence/claims', 'if (!seen.claim.mine && seen.poll?.settled)', 'if (!seen.claim.mine && seen.poll)'),
  ),
  mutant(
    'noRenewal',
    'Polls renew the lease.',
    undefined,
    change(
      'presence/roster-changes',
      'if (before && until > before.until + step)',
      'if (before && until < before.until - 1e9)',
    ),
  ),
];
