import assert from 'node:assert/strict';
import { CheckedAccess, OPEN_ACCESS } from '../../src/auth/access.ts';
import { makeApiKey } from '../../src/auth/api-keys.ts';
import { ANONYMOUS, type Caller } from '../../src/auth/caller.ts';
import { Identities } from '../../src/auth/identities.ts';
import { type Right, readMembers } from '../../src/auth/permissions.ts';
import { HeldPolicies } from '../../src/auth/policies.ts';
import { Failure } from '../../src/ports/failure.ts';
import { callerOf, grantsOf, ScriptedPolicies, spaceId } from '../support/callers.ts';
import { FakeClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const BOARD = spaceId('board');
const RIGHTS: readonly Right[] = ['read', 'write', 'lock', 'admin'];

describe('access', () => {
  let clock: FakeClock;
  let source: ScriptedPolicies;
  let policies: HeldPolicies;
  let access: CheckedAccess;

  beforeEach(() => {
    clock = new FakeClock();
    source = new ScriptedPolicies();
    policies = new HeldPolicies(source, clock);
    access = new CheckedAccess(new Identities({ clock, log: new RecordedLog() }), policies, clock);
  });

  const record = (members: { readonly [subject: string]: string } = {}) =>
    source.spaces.set('board', { exists: true, members: readMembers({ members }) });
  const codeOf = async (caller: Caller, right: Right = 'read') =>
    (await access.review(caller, BOARD, right))?.code ?? 'ok';

  it('[AU1] in mode none everybody is anonymous and may do everything, without anything being asked', () => {
    for (const right of RIGHTS) {
      assert.equal(OPEN_ACCESS.admit(['Authorization', 'Bearer nonsense'], BOARD, right), ANONYMOUS);
      assert.equal(OPEN_ACCESS.review(ANONYMOUS, BOARD, right), undefined);
    }
    assert.equal(ANONYMOUS.subject, 'anonymous');
  });

  it('[AU7] what a caller brings is judged at once, without the record of the space', () => {
    assert.equal(access.review(callerOf('dev:ann', { board: 'r' }), BOARD, 'read'), undefined);
    for (const right of RIGHTS) {
      assert.equal(access.review(callerOf('dev:ann', { '*': 'a' }), BOARD, right), undefined);
    }
    assert.equal(source.reads, 0);
  });

  it('[AU50] the record of the space gives its members their rights, and nobody else any', async () => {
    record({ 'dev:ann': 'r', 'dev:bob': 'rw', 'dev:adm': 'a' });
    const can = async (subject: string) => {
      const caller = callerOf(subject, {});
      return (await Promise.all(RIGHTS.map((right) => codeOf(caller, right)))).join(' ');
    };
    assert.equal(await can('dev:ann'), 'ok forbidden forbidden forbidden');
    assert.equal(await can('dev:bob'), 'ok ok forbidden forbidden');
    assert.equal(await can('dev:adm'), 'ok ok ok ok');
    assert.equal(await can('dev:eve'), 'notFound notFound notFound notFound');
    assert.equal(await can('ann'), 'notFound notFound notFound notFound');
  });

  it('[AU50] what is brought and what is recorded add up', async () => {
    record({ 'dev:ann': 'w' });
    assert.equal(await codeOf(callerOf('dev:ann', { board: 'l' }), 'write'), 'ok');
    assert.equal(await codeOf(callerOf('dev:ann', { board: 'l' }), 'lock'), 'ok');
  });

  it('[AU51] other people’s spaces look exactly like absent ones', async () => {
    record({ 'dev:bob': 'rw' });
    const eve = callerOf('dev:eve', { 'eve-*': 'rwla' });
    const [there, absent] = [
      await access.review(eve, BOARD, 'read'),
      await access.review(eve, spaceId('none'), 'read'),
    ];
    assert.equal(JSON.stringify(there).replace('board', 'none'), JSON.stringify(absent));
    assert.equal(there?.status, 404);
  });

  it('[AU51] nor do they differ in how often they are read', async () => {
    record({ 'dev:bob': 'rw' });
    const eve = callerOf('dev:eve', {});
    const readsOf = async (space: string) => {
      const before = source.reads;
      for (let second = 0; second < 35; second++) {
        await access.review(eve, spaceId(space), 'read');
        clock.advance(1_000);
      }
      return source.reads - before;
    };
    assert.deepEqual([await readsOf('board'), await readsOf('none')], [2, 2]);
  });

  it('[AU52] a record counts for 30 s, and one reading serves all who ask meanwhile', async () => {
    record({ 'dev:bob': 'r' });
    const bob = callerOf('dev:bob', {});
    await Promise.all(Array.from({ length: 20 }, () => codeOf(bob)));
    assert.equal(source.reads, 1);
    record({});
    clock.advance(29_999);
    assert.equal(access.review(bob, BOARD, 'read'), undefined);
    clock.advance(1);
    assert.equal(await codeOf(bob), 'notFound');
    assert.equal(source.reads, 2);
  });

  it('[AU52] a record that was changed here counts at once, though a reading was under way', async () => {
    record({ 'dev:bob': 'r' });
    const bob = callerOf('dev:bob', {});
    const under = codeOf(bob);
    record({});
    policies.forget(BOARD);
    await under;
    assert.equal(await codeOf(bob), 'notFound');
  });

  it('[AU53] a space that comes into being is seen within a second', async () => {
    const ann = callerOf('dev:ann', { board: 'rw' });
    assert.equal(await codeOf(ann, 'write'), 'forbidden');
    assert.equal(await codeOf(ann, 'read'), 'ok');
    record();
    clock.advance(1_000);
    assert.equal(await codeOf(ann, 'write'), 'ok');
  });

  it('[AU59] a space that was deleted takes an admin to be written to: where it was deleted at once, elsewhere within 30 s', async () => {
    record();
    const ann = callerOf('dev:ann', { board: 'rw' });
    assert.equal(await codeOf(ann, 'write'), 'ok');
    source.spaces.delete('board');
    clock.advance(29_999);
    assert.equal(access.review(ann, BOARD, 'write'), undefined);
    clock.advance(1);
    assert.equal(access.review(ann, BOARD, 'write'), undefined, 'nobody waits');
    await policies.of(BOARD);
    assert.equal(await codeOf(ann, 'write'), 'forbidden');
    record();
    clock.advance(1_000);
    assert.equal(await codeOf(ann, 'write'), 'ok');
    const { reads } = source;
    source.spaces.delete('board');
    policies.forget(BOARD);
    assert.equal(await codeOf(ann, 'write'), 'forbidden');
    assert.equal(source.reads, reads + 1);
  });

  it('[AU54] while the store is away, what callers bring goes on; where the record decides nobody is let in', async () => {
    record({ 'dev:bob': 'rw' });
    const ann = callerOf('dev:ann', { board: 'rw' });
    const bob = callerOf('dev:bob', {});
    assert.equal(await codeOf(ann, 'write'), 'ok');
    source.failure = new Failure('storeUnavailable', 'away');
    clock.advance(3_600_000);
    assert.equal(access.review(ann, BOARD, 'write'), undefined);
    await assert.rejects(async () => access.review(bob, BOARD, 'read'), Failure);
    source.failure = undefined;
    assert.equal(await codeOf(bob, 'write'), 'ok');
  });

  it('[AU55] a token that ended allows nothing any more', async () => {
    const ann = callerOf('dev:ann', { '*': 'a' }, clock.now() + 1_000);
    assert.equal(await codeOf(ann), 'ok');
    clock.advance(1_000);
    for (const right of RIGHTS) assert.equal(await codeOf(ann, right), 'forbidden');
  });

  it('[AU55] a caller never has more than their cap, whatever was granted since', async () => {
    record({ 'dev:bob': 'a' });
    const capped = { ...callerOf('dev:bob', { board: 'r' }), cap: 1 };
    assert.equal(await codeOf(capped, 'read'), 'ok');
    assert.equal(await codeOf(capped, 'write'), 'forbidden');
    assert.deepEqual(await access.holding(capped, BOARD), { brought: 1, all: 1 });
  });

  it('[AU50] admits by key, and says what is missing otherwise', async () => {
    const { key, sha256 } = makeApiKey();
    const keys = [{ name: 'ci', sha256: Buffer.from(sha256, 'hex'), spaces: grantsOf({ board: 'r' }) }];
    const own = new CheckedAccess(new Identities({ clock, log: new RecordedLog(), keys }), policies, clock);
    const headers = ['Authorization', `Bearer ${key}`];
    assert.equal((await own.admit(headers, BOARD, 'read')).subject, 'key:ci');
    await assert.rejects(async () => own.admit(headers, BOARD, 'admin'), /the right admin in board/);
    await assert.rejects(async () => own.admit(headers, spaceId('x'), 'read'), /there is no space x/);
  });
});
