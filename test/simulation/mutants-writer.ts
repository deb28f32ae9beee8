import { at, change, type Mutant, mutant } from './mutant.ts';

export const WRITER_MUTANTS: readonly Mutant[] = [
  mutant(
    'noPostCheck',
    'An update is acknowledged only when the floor read after its cas is within its coverage.',
    at('late', 1),
    change(
      'commit-turn',
      'replaced.floor !== undefined && isCovered(head, replaced.floor.floor);',
      'replaced.floor !== undefined;',
    ),
  ),
  mutant(
    'blindRecommit',
    'The same content is committed again only within its lineage; else the operation is applied again.',
    undefined,
    change('write-update', '!(head.L === attempt.mine.L && head.v >= attempt.mine.v)', 'false'),
  ),
  mutant(
    'staleVerdict',
    'An answer that no cas guards is judged from a head that was just read.',
    undefined,
    change(
      'heads',
      'return held && space.floor && { held, floor: space.floor, fresh: false };',
      'return held && space.floor && { held, floor: space.floor, fresh: true };',
    ),
  ),
  mutant(
    'dupAcksAtOnce',
    'A repeat is as safe before its answer as a first sending.',
    at('all', 1),
    change(
      'write-update',
      "if (repeat.kind === 'repeat') return this.#repeated(turn, repeat);",
      "if (repeat.kind === 'repeat') return { done: true, version: repeat.version, durableVersion: Math.min(head.pv, repeat.version), extra: {} };",
    ),
  ),
  mutant(
    'last3',
    'The last request is remembered for each client, not the last requests of all.',
    at('leases', 1),
    change('decide-update', 'kept.length >= MAX_REMEMBERED_CLIENTS', 'kept.length >= 1'),
    change('decide-update', 'seqFloor = Math.max(seqFloor, kept.shift()?.[1][0] ?? 0)', 'kept.shift()'),
  ),
  mutant(
    'noFence',
    'After an unanswered cas the head is written once more before the update is called not applied.',
    undefined,
    change(
      'heads',
      'const fenced = await this.#deps.cache.cas(headKey(space.id, item), encodeHead(held.head), held.token);',
      "const fenced = { status: 'stored' as const, token: held.token };",
    ),
  ),
  mutant(
    'phantom',
    'The copy of the process is made only after the cas was answered.',
    undefined,
    change(
      'commit-turn',
      'const replaced = await this.#committer.replace(',
      'this.#heads.committed(space, item, snapshotOf(this.#values, head, next.state), false); const replaced = await this.#committer.replace(',
    ),
  ),
  mutant(
    'bodyByVersion',
    'Bodies and segments have a random part in their key.',
    at('leases', 1),
    change(
      'commit-head',
      'newKey: () => this.#deps.random.id(),',
      "newKey: () => space + '.' + kind.name + before.born + '.' + v,",
    ),
  ),
  mutant(
    'deltaOverTomb',
    'A delta never crosses a delete or a creation.',
    undefined,
    change('next-head', 'fresh: creates,', 'fresh: false,'),
    change(
      'commit-head',
      'if (next.head.dead) return { tb: v, segs: [], tail: [] };',
      'if (next.head.dead) return { tb: before.tb, segs: before.segs, tail: before.tail };',
    ),
  ),
  mutant(
    'ledgerOnce',
    'An open item is entered in the ledger again with each renewal of its coverage.',
    undefined,
    change('commit-head', 'if (cover.renew || opening) {', 'if (opening) {'),
  ),
  mutant(
    'noIndex',
    'A change is entered in the recent index before it is visible.',
    at('leases', 1),
    change('commit-head', 'if (cover.renew) {', 'if (false) {'),
  ),
];
