import { at, change, type Mutant, mutant } from './mutant.ts';

export const LOCK_MUTANTS: readonly Mutant[] = [
  mutant(
    'fenceUnchecked',
    'An update with another fence than that of the lock is fenced.',
    at('locks', 1),
    change(
      'lock-rules',
      'if (update.fence !== undefined && (!lock || update.fence !== head.fence)) return fenced(request, head);',
      '',
    ),
    change(
      'lock-rules',
      'return request.update?.fence === head.fence && isHolder(head.lock, request);',
      'return request.update?.fence !== undefined && isHolder(head.lock, request);',
    ),
    change('lock-rules', 'if (update.fence !== undefined) return fenced(request, head);', ''),
  ),
  mutant(
    'fenceWithoutLock',
    'Where there is no lock any more, no fence is good.',
    at('locks', 1),
    change('lock-rules', '(!lock || update.fence !== head.fence)', '(lock && update.fence !== head.fence)'),
    change('lock-rules', 'if (update.fence !== undefined) return fenced(request, head);', ''),
  ),
  mutant(
    'holderNotCompared',
    'The holder of a lock is a subject and a client, not whoever knows the fence.',
    at('locks', 23),
    change(
      'lock-rules',
      'return lock !== undefined && lock.holder === request.client && lock.subject === request.subject;',
      'return lock !== undefined;',
    ),
  ),
  mutant(
    'leaseUnchecked',
    'Whoever is not the holder writes only when the lease is gone.',
    at('locks', 1),
    change('lock-rules', 'const alive = lock !== undefined && lease?.grant === lock.grant;', 'const alive = false;'),
  ),
  mutant(
    'grantOverLease',
    'A grant needs the former lease to be gone, or steals it.',
    at('locks', 1),
    change('grants', 'if (found && !own) {', 'if (false) {'),
  ),
  mutant(
    'anyLeaseIsAlive',
    'A lock is alive with the lease of its own grant, not with any.',
    undefined,
    change(
      'lock-rules',
      'const alive = lock !== undefined && lease?.grant === lock.grant;',
      'const alive = lock !== undefined && lease !== undefined;',
    ),
  ),
  mutant(
    'blindRenewal',
    'A lease is renewed only over the very record that was read.',
    undefined,
    change(
      'leases',
      "return (await cache.cas(key, encodeLease(lease), over, seconds)).status === 'stored';",
      'await cache.set(key, encodeLease(lease), seconds); return true;',
    ),
  ),
  mutant(
    'lockOutlivesRollback',
    'A rollback ends the lock and raises the fence.',
    at('locks', 1),
    change('rows', 'const { lock: _lock, ...rest } = row;', 'const rest = row;'),
    change('rows', 'const next: Row = { ...rest, v, fence: v, ceil: v,', 'const next: Row = { ...rest, v, ceil: v,'),
  ),
  mutant(
    'fenceKept',
    'The fence rises when a lock is granted, and when it ends.',
    undefined,
    change('next-head', 'fence: next.locks ? made.v : head.fence,', 'fence: next.locks?.to ? made.v : head.fence,'),
  ),
  mutant(
    'lapsedKept',
    'A write past a lapsed lock ends it.',
    at('locks', 1),
    change('lock-rules', "return lock && !alive ? { kind: 'pass', ends: lock } : PASS;", 'return PASS;'),
  ),
  mutant(
    'grantNotInHead',
    'A grant counts once it is in the head, under cas.',
    undefined,
    change(
      'locks',
      "return { kind: 'commit', next: { ...answering(next, fence, ttlMs), locks: { to: lock } } };",
      "return { kind: 'stands', extra: { fence, ttlMs } };",
    ),
  ),
  mutant(
    'freesAnyGrant',
    'Of a client that left exactly the grants named are freed.',
    undefined,
    change(
      'locks',
      "if (ask?.do === 'free') return grantsIn(ask.grant).includes(lock.grant);",
      "if (ask?.do === 'free') return true;",
    ),
  ),
  mutant(
    'heldNotInRow',
    'What a client holds is in its row, too: the roster may be lost.',
    at('joined', 100),
    change('presence/presence', 'if (held) await this.#writeHeld(', 'if (held && max < 0) await this.#writeHeld('),
  ),
];
