import { at, change, type Mutant, mutant } from './mutant.ts';

export const RESTORE_MUTANTS: readonly Mutant[] = [
  mutant(
    'shorterChain',
    'Only the part of a chain that reaches further than what is restored is applied.',
    undefined,
    change('decide-restore', 'return isReached(mark, delta) || isPosted', 'return isPosted'),
  ),
  mutant(
    'anyFrom',
    'A chain that begins after the version the item went back to changes nothing.',
    at('restore', 1),
    change('decide-restore', 'if (head.dead || restore.from > mark.from) return', 'if (head.dead) return'),
  ),
  mutant(
    'aboveCeiling',
    'A chain names only numbers that can have been given out.',
    undefined,
    change('decide-restore', 'if (version <= last || version > mark.ceil)', 'if (version <= last)'),
  ),
  mutant(
    'oldNumbers',
    'Restored operations get numbers above everything that was ever given.',
    at('restore', 1),
    change(
      'commit-turn',
      'const v = before.v + Math.max(1, next.deltas.length);',
      'const v = next.head.restoredBy === before.restoredBy ? before.v + Math.max(1, next.deltas.length) : (next.head.back?.got ?? 0);',
    ),
  ),
  mutant(
    'restoredUnknown',
    'A restored operation is known by the number of its sender.',
    undefined,
    change('next-head', 'if (!known) continue;', 'continue;'),
  ),
  mutant(
    'sentAgainRestored',
    'What its sender has sent again since the rollback is not restored.',
    undefined,
    change('decide-restore', 'isReached(mark, delta) || isPosted(mark, delta)', 'isReached(mark, delta)'),
  ),
  mutant(
    'refusedRestored',
    'What was sent again since the rollback and refused is not restored.',
    undefined,
    change('write-update', 'const mark = markAfter(held.head.back, request.now, request.writer);', 'const mark = {};'),
  ),
  mutant(
    'memoryGoesBack',
    'A restored operation does not make its sender forgotten who has gone on since.',
    undefined,
    change('next-head', '(memory.seqs[writer.key]?.[0] ?? 0) >= seq', 'false'),
  ),
  mutant(
    'restoredOverDelete',
    'What a rollback took before a delete stays deleted.',
    undefined,
    change('next-head', '...nothingLeft(head), dead: true', 'dead: true'),
    change('next-head', 'itemKind.lastWins || creates ?', 'itemKind.lastWins ?'),
  ),
  mutant(
    'restoredOverNewer',
    'Where the last write wins, nothing is restored over a newer one.',
    undefined,
    change('next-head', 'itemKind.lastWins || creates ?', 'creates ?'),
  ),
  mutant(
    'markReplaced',
    'A second rollback of what the first one left keeps what can be restored.',
    undefined,
    change('rows', 'if (!back) return mark;', 'if (!back || v > 0) return mark;'),
  ),
  mutant(
    'noExpiry',
    'What a rollback took can be restored for ten minutes.',
    undefined,
    change('decide-restore', 'if (!back || !mark || mark.untilMs < context.now)', 'if (!back || !mark)'),
  ),
  mutant(
    'markForever',
    'The mark of a rollback goes with the first write after its time.',
    undefined,
    change('decide-restore', 'if (!back || back.untilMs < now) return {};', 'if (!back) return {};'),
  ),
  mutant(
    'nothingBetween',
    'What an earlier rollback took is brought back along what was stored between it and the last.',
    undefined,
    change('decide-restore', 'mark === back ? [] : mark.stored;', '[];'),
  ),
  mutant(
    'otherNumbers',
    'A restored operation is the one that its sender made, whatever number another life has given it.',
    undefined,
    change(
      'decide-restore',
      'delta.s === undefined ? undefined :',
      "delta.s === undefined || delta.c !== '' ? undefined :",
    ),
  ),
];
