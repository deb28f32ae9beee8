import assert from 'node:assert/strict';
import { concernsLocks, judgeLock, PASS, ruleFor, termOf } from '../../src/core/lock-rules.ts';
import type { WriteRequest } from '../../src/core/next-head.ts';
import { DEFAULT_SETTINGS, type LockRule } from '../../src/core/people-types.ts';
import type { Head, Lock } from '../../src/model/head.ts';
import type { Lease } from '../../src/model/lease-record.ts';
import type { Update } from '../../src/protocol/post-update.ts';
import { sampleHead } from '../support/sample-heads.ts';

const lock: Lock = { holder: 'ann', subject: 's', grant: 'g1', sinceMs: 500 };
const held = sampleHead({ lock, fence: 4 });
const lease: Lease = { grant: 'g1', holder: 'ann', subject: 's', untilMs: 3_000 };
const other: Lease = { ...lease, grant: 'g2', holder: 'bob' };
const NOW = 1_000;

type Asked = Partial<Update> & { client?: string; subject?: string };

function judge(head: Head, asked: Asked, alive: Lease | undefined, rule: LockRule = 'optional'): string {
  const { client = 'bob', subject = 's', ...rest } = asked;
  const update: Update = { item: 'a', op: { set: 1 }, ...rest };
  const gate = judgeLock({ item: 'a', update, subject, client, now: NOW }, head, rule, alive);
  if (gate.kind === 'pass') return gate.ends ? 'ends' : 'pass';
  return gate.result.result === 'invalid' ? gate.result.code : gate.result.result;
}

describe('the rules of a lock', () => {
  it('[LK30] of an update: fence first, then lease, then kind', () => {
    const table: readonly (readonly [Head, Asked, Lease | undefined, string, LockRule?])[] = [
      [sampleHead(), {}, undefined, 'pass'],
      [sampleHead(), { grab: true }, undefined, 'pass'],
      [sampleHead({ fence: 4 }), { fence: 4, client: 'ann' }, undefined, 'fenced'],
      [held, { fence: 4, client: 'ann' }, undefined, 'pass'],
      [held, { fence: 4, client: 'ann', release: true }, undefined, 'ends'],
      [held, { fence: 4, client: 'ann', op: { delete: true } }, undefined, 'ends'],
      [held, { fence: 3, client: 'ann' }, lease, 'fenced'],
      [held, { fence: 5, client: 'ann' }, lease, 'fenced'],
      [held, { client: 'ann' }, lease, 'locked'],
      [held, { client: 'ann', grab: true }, lease, 'pass'],
      [held, { client: 'ann', subject: 't', grab: true }, lease, 'locked'],
      [held, { client: 'ann', subject: 't', fence: 4 }, lease, 'locked'],
      [held, { client: 'ann', subject: 't', fence: 4 }, undefined, 'fenced'],
      [held, {}, lease, 'locked'],
      [held, { release: true }, lease, 'locked'],
      [held, { grab: true }, lease, 'locked'],
      [held, {}, undefined, 'ends'],
      [held, {}, other, 'ends'],
      [held, { grab: true }, undefined, 'ends'],
      [held, { grab: true, op: { delete: true } }, undefined, 'badOp'],
      [sampleHead(), {}, undefined, 'lockRequired', 'required'],
      [sampleHead(), { grab: true }, undefined, 'pass', 'required'],
      [held, {}, lease, 'locked', 'required'],
      [held, {}, undefined, 'lockRequired', 'required'],
      [held, { fence: 4, client: 'ann' }, undefined, 'pass', 'required'],
      [sampleHead(), { grab: true }, undefined, 'notLockable', 'none'],
      [held, { fence: 4, client: 'ann' }, undefined, 'pass', 'none'],
    ];
    for (const [n, [head, asked, alive, expected, rule]] of table.entries())
      assert.equal(judge(head, asked, alive, rule), expected, `row ${n}: ${JSON.stringify(asked)}`);
  });

  it('[LK30] what a rollback took may be restored without a lock, where one is required', () => {
    const update: Update = { item: 'a', restore: { from: 1, deltas: [{ version: 2, op: 1 }] } };
    const request = { item: 'a', update, subject: 's', client: 'bob', now: NOW };
    assert.equal(judgeLock(request, sampleHead(), 'required', undefined), PASS);
  });

  it('[LK19] there is nothing to ask unless the item is locked, or the update or the rule of its kind speaks of locks', () => {
    const asks = (update: Partial<Update>, head = sampleHead(), rule: LockRule = 'optional') =>
      concernsLocks({ item: 'a', update: { item: 'a', ...update }, now: NOW }, head, rule);
    assert.deepEqual([asks({}), asks({ release: true }), asks({}, sampleHead(), 'none')], [false, false, false]);
    const concerned = [asks({ grab: true }), asks({ fence: 0 }), asks({}, held), asks({}, sampleHead(), 'required')];
    assert.deepEqual(concerned, [true, true, true, true]);
  });

  it('[LK15] the rule of a kind named like a member of Object.prototype is one that is set', () => {
    assert.equal(ruleFor(DEFAULT_SETTINGS, 'constructor'), 'optional');
    assert.equal(ruleFor({ ...DEFAULT_SETTINGS, lockRules: { register: 'none' } }, 'register'), 'none');
  });

  it('[LK14] a lease is what was wished, bounded by the space and by the longest hold', () => {
    const term = (now: number, head: Head, ttlMs?: number) => {
      const ask = { do: 'grab', steal: false, admin: false, ...(ttlMs === undefined ? {} : { ttlMs }) } as const;
      const request: WriteRequest = { item: 'a', subject: 's', client: 'ann', lock: ask, now };
      return termOf(request, head, { lockTtlMs: 30_000, maxHoldMs: 60_000 });
    };
    assert.deepEqual(term(NOW, sampleHead()), { sinceMs: NOW, ttlMs: 30_000 });
    assert.deepEqual(term(NOW, sampleHead(), 2_000), { sinceMs: NOW, ttlMs: 2_000 });
    assert.deepEqual(term(40_500, held), { sinceMs: 500, ttlMs: 20_000 });
    assert.deepEqual(term(59_500, held), { sinceMs: 500, ttlMs: 1_000 });
    assert.equal(term(59_501, held), undefined);
    // A server whose clock is behind the one that granted must not give more than the longest hold.
    assert.deepEqual(term(100, held), { sinceMs: 100, ttlMs: 30_000 });
  });
});
