import { at, change, type Mutant, mutant } from './mutant.ts';

export const HISTORY_MUTANTS: readonly Mutant[] = [
  mutant(
    'archiveForgets',
    'An archive record that takes more operations keeps those it has.',
    at('history', 1),
    change(
      'history/keep-ops',
      'encodeOps(grown ? [...decodeOps(grown), ...tail] : tail, due)',
      'encodeOps(grown ? tail : tail, due)',
    ),
  ),
  mutant(
    'unstoredDropped',
    'Operations that the store lacks stay in the tail of the head.',
    at('history', 1),
    change('commit-head', '...(kind.ops ? { keepAfter: before.pv } : {}),', ''),
  ),
  mutant(
    'creationNotKept',
    'The operations that an item begins with are in its tail.',
    at('history', 1),
    change('layout', 'const begins = input.keepAfter === undefined ? [] : deltas;', 'const begins: Delta[] = [];'),
  ),
  mutant(
    'oneLineage',
    'What an index means changes with the lineage, and the lineage is told.',
    at('history', 1),
    change('history/read-ops', 'lineage: lineageOf(head),', "lineage: '1.0',"),
  ),
  mutant(
    'forkTooLate',
    'A rollback notes the last operation that was stored.',
    at('history', 4),
    change('rows', '[next.L, row.index]', '[next.L, row.index + 1]'),
  ),
  mutant(
    'newerThanHead',
    'Nothing is told that the head which was read does not have yet.',
    at('history', 1),
    change(
      'history/read-ops',
      'new Page(split, from, head.index, query.limit)',
      'new Page(split, from, Number.MAX_SAFE_INTEGER, query.limit)',
    ),
    change('history/read-ops', 'page.take(head.tail) && page.full', 'page.take(head.tail) && page.next > head.index'),
  ),
  mutant(
    'archivesOfAllLives',
    'When a life has ended its own archive goes, and no other.',
    at('history', 1),
    change(
      'history/drop-ended',
      'const prefix = opsPrefix(life.item, life.born);',
      "const prefix = [life.item, ''].join('#');",
    ),
  ),
];
