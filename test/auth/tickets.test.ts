import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CheckedAccess } from '../../src/auth/access.ts';
import { NotIdentified } from '../../src/auth/caller.ts';
import { Identities } from '../../src/auth/identities.ts';
import { readMembers, readRights } from '../../src/auth/permissions.ts';
import { HeldPolicies } from '../../src/auth/policies.ts';
import { MAX_TICKET_CHARS } from '../../src/protocol/limits.ts';
import { callerOf, makeTickets, ScriptedPolicies, spaceId } from '../support/callers.ts';
import { FakeClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const BOARD = spaceId('board');
const OTHER = spaceId('other');
const bits = (letters: string) => readRights(letters) ?? 0;
const READER = { brought: bits('r'), all: bits('r') };

describe('tickets', () => {
  let clock: FakeClock;
  const ann = callerOf('dev:ann', { board: 'r' });

  beforeEach(() => {
    clock = new FakeClock();
  });

  const refused = (promise: Promise<unknown>, why: RegExp) =>
    assert.rejects(promise, (error) => error instanceof NotIdentified && why.test(error.problem.detail));

  it('[AU60] a ticket stands once for the caller who got it', async () => {
    const tickets = makeTickets({ clock });
    const { ticket, expiresInMs } = tickets.issue(BOARD, ann, READER);
    assert.equal(expiresInMs, 60_000);
    assert.match(ticket, /^[A-Za-z0-9_.-]+$/);
    const caller = await tickets.redeem(BOARD, ticket);
    assert.deepEqual([caller.subject, caller.cap, caller.untilMs], ['dev:ann', bits('r'), Infinity]);
    await refused(tickets.redeem(BOARD, ticket), /used before/);
  });

  it('[AU60] of many instances that get it at once, one takes it', async () => {
    const marks = new Set<string>();
    const instances = Array.from({ length: 5 }, () => makeTickets({ clock, marks }));
    const { ticket } = makeTickets({ clock, marks }).issue(BOARD, ann, READER);
    const results = await Promise.allSettled(instances.map((one) => one.redeem(BOARD, ticket)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('[AU61] a ticket holds for a minute, in its space alone', async () => {
    const tickets = makeTickets({ clock });
    const { ticket } = tickets.issue(BOARD, ann, READER);
    await refused(tickets.redeem(OTHER, ticket), /not one of this space/);
    clock.advance(60_000);
    await refused(tickets.redeem(BOARD, ticket), /expired/);
  });

  it('[AU61] a ticket from a clock far ahead is refused: it would outlive the mark that it was used', async () => {
    const ahead = new FakeClock();
    ahead.advance(30_001);
    const { ticket } = makeTickets({ clock: ahead }).issue(BOARD, ann, READER);
    await refused(makeTickets({ clock }).redeem(BOARD, ticket), /expired/);
    clock.advance(1);
    assert.equal((await makeTickets({ clock }).redeem(BOARD, ticket)).subject, 'dev:ann');
  });

  it('[AU62] it ends with the token that it was got with', async () => {
    const tickets = makeTickets({ clock });
    const brief = callerOf('dev:ann', { board: 'r' }, clock.now() + 5_000);
    const [first, second] = [tickets.issue(BOARD, brief, READER), tickets.issue(BOARD, brief, READER)];
    assert.equal((await tickets.redeem(BOARD, first.ticket)).untilMs, clock.now() + 5_000);
    clock.advance(5_000);
    await refused(tickets.redeem(BOARD, second.ticket), /token behind the ticket/);
  });

  it('[AU62] it brings what its caller had, less what was taken back since, and never more', async () => {
    const source = new ScriptedPolicies();
    const record = (letters: string) =>
      source.spaces.set('board', { exists: true, members: readMembers({ members: { 'dev:bob': letters } }) });
    const policies = new HeldPolicies(source, clock);
    const access = new CheckedAccess(new Identities({ clock, log: new RecordedLog() }), policies, clock);
    const tickets = makeTickets({ clock });
    record('rw');
    const bob = callerOf('dev:bob', {});
    const { ticket } = tickets.issue(BOARD, bob, await access.holding(bob, BOARD));
    const caller = await tickets.redeem(BOARD, ticket);
    const can = async (right: 'read' | 'write' | 'lock') => (await access.review(caller, BOARD, right)) === undefined;
    assert.deepEqual([await can('read'), await can('write'), await can('lock')], [true, true, false]);
    record('rl');
    policies.forget(BOARD);
    assert.deepEqual([await can('read'), await can('write'), await can('lock')], [true, false, false]);
    record('');
    policies.forget(BOARD);
    assert.equal(await can('read'), false);
  });

  it('[AU63] the first key seals, all open; a ticket of an unknown key is refused', async () => {
    const [old, next] = ['sealing-key-number-1', 'sealing-key-number-2'];
    const issued = makeTickets({ clock, secrets: [old] }).issue(BOARD, ann, READER).ticket;
    assert.equal((await makeTickets({ clock, secrets: [next, old] }).redeem(BOARD, issued)).subject, 'dev:ann');
    await refused(makeTickets({ clock, secrets: [next] }).redeem(BOARD, issued), /not one of this space/);
    const fresh = makeTickets({ clock, secrets: [next, old] }).issue(BOARD, ann, READER).ticket;
    await refused(makeTickets({ clock, secrets: [old] }).redeem(BOARD, fresh), /not one of this space/);
  });

  it('[AU63] a ticket is no longer than the limit, whoever it is for', () => {
    const name = `firebase:${'x'.repeat(64)}`;
    const late = callerOf(name, {}, 9_999_999_999_999);
    const space = spaceId('s'.repeat(128));
    assert.ok(makeTickets({ clock }).issue(space, late, READER).ticket.length <= MAX_TICKET_CHARS);
  });

  it('[AU64] no other text is a ticket, and none makes the check fail otherwise', async () => {
    const tickets = makeTickets({ clock });
    const { ticket } = tickets.issue(BOARD, ann, READER);
    const [head = ''] = ticket.split('.');
    const text = fc.oneof(
      fc.string(),
      fc.base64String().map((part) => `${head}.${part}`),
      fc
        .string({ unit: fc.constantFrom(...'abcXYZ019_-'), minLength: 43, maxLength: 43 })
        .map((mac) => `${head}.${mac}`),
      fc.string({ maxLength: 2 * MAX_TICKET_CHARS, minLength: MAX_TICKET_CHARS }),
    );
    await fc.assert(fc.asyncProperty(text, (other) => refused(tickets.redeem(BOARD, other), /not one/)));
    await fc.assert(
      fc.asyncProperty(fc.nat(ticket.length - 2), fc.constantFrom(...'abcXYZ019_-'), async (at, letter) => {
        fc.pre(ticket[at] !== letter);
        await refused(tickets.redeem(BOARD, ticket.slice(0, at) + letter + ticket.slice(at + 1)), /not one/);
      }),
    );
    assert.equal((await tickets.redeem(BOARD, ticket)).subject, 'dev:ann');
  });
});
