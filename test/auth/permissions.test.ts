import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ALL_RIGHTS,
  decide,
  NO_RIGHTS,
  needOf,
  type Right,
  readGrants,
  readMembers,
  readRights,
  rightsIn,
} from '../../src/auth/permissions.ts';
import { MAX_GRANTS, MAX_MEMBERS } from '../../src/protocol/limits.ts';
import { grantsOf } from '../support/callers.ts';

const RIGHTS: readonly Right[] = ['read', 'write', 'lock', 'admin'];
const allowed = (letters: string) => {
  const rights = readRights(letters) ?? NO_RIGHTS;
  return RIGHTS.filter((right) => decide(rights, right, true) === 'allowed');
};

describe('rights', () => {
  it('[AU10] w and l bring reading, a brings everything, nothing brings nothing', () => {
    assert.deepEqual(allowed('r'), ['read']);
    assert.deepEqual(allowed('w'), ['read', 'write']);
    assert.deepEqual(allowed('l'), ['read', 'lock']);
    assert.deepEqual(allowed('rw'), ['read', 'write']);
    assert.deepEqual(allowed('wl'), ['read', 'write', 'lock']);
    assert.deepEqual(allowed('a'), RIGHTS);
    assert.deepEqual(allowed(''), []);
  });

  it('[AU10] anything but letters of r w l a, each once, is no right', () => {
    for (const value of ['x', 'rr', 'R', 'rwlaa', 'r w', ' ', 7, null, undefined, ['r'], {}, true]) {
      assert.equal(readRights(value), undefined, String(value));
    }
  });

  const spaces: readonly (readonly [pattern: string, matching: readonly string[], others: readonly string[]])[] = [
    ['demo', ['demo'], ['demo-1', 'dem', 'Demo', 'demo.']],
    ['demo-*', ['demo-', 'demo-1', 'demo-1.2'], ['demo', 'my-demo-1', 'DEMO-1']],
    ['*', ['demo', 'x', '~'], []],
  ];
  for (const [pattern, matching, others] of spaces) {
    it(`[AU11] ${pattern} stands for those spaces alone`, () => {
      const grants = grantsOf({ [pattern]: 'r' });
      for (const space of matching) assert.notEqual(rightsIn(grants, space), NO_RIGHTS, space);
      for (const space of others) assert.equal(rightsIn(grants, space), NO_RIGHTS, space);
    });
  }

  it('[AU11] patterns that match add up', () => {
    const grants = grantsOf({ '*': 'r', 'demo-*': 'w', 'demo-1': 'l' });
    assert.equal(rightsIn(grants, 'demo-1'), readRights('rwl'));
    assert.equal(rightsIn(grants, 'demo-2'), readRights('rw'));
    assert.equal(rightsIn(grants, 'x'), readRights('r'));
  });

  it('[AU12] one pattern or right that is not of the form makes the whole list none', () => {
    const bad = [
      { 'a*b': 'r' },
      { '*a': 'r' },
      { '': 'r' },
      { 'a/b': 'r' },
      { '..': 'r' },
      { '**': 'r' },
      { [`${'a'.repeat(129)}*`]: 'r' },
      { a: 'x' },
      { a: 7 },
      { a: 'r', b: null },
      ['r'],
      'r',
      7,
      null,
      undefined,
    ];
    for (const value of bad) assert.equal(readGrants(value), undefined, JSON.stringify(value));
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, 'r']));
    assert.equal(readGrants(many(MAX_GRANTS))?.length, MAX_GRANTS);
    assert.equal(readGrants(many(MAX_GRANTS + 1)), undefined);
  });

  it('[AU12] whatever a claim holds is read without failing, and grants only what it spells', () => {
    const letters = fc.constantFrom('r', 'rw', 'rwla', 'l', 'x', '', 5);
    const claim = fc.oneof(
      fc.anything(),
      fc.dictionary(fc.string(), fc.anything()),
      fc.dictionary(fc.string(), letters),
    );
    fc.assert(
      fc.property(claim, fc.stringMatching(/^[a-z][a-z-]{0,10}$/), (value, space) => {
        const rights = rightsIn(readGrants(value) ?? [], space);
        const spelled = Object.keys((value ?? {}) as object).some((pattern) =>
          pattern.endsWith('*') ? space.startsWith(pattern.slice(0, -1)) : pattern === space,
        );
        assert.ok(rights === NO_RIGHTS || spelled);
        assert.equal(rights & ~ALL_RIGHTS, 0);
      }),
    );
  });

  it('[AU13] members are read by subject, and what is malformed grants nothing', () => {
    const settings = JSON.parse('{"members":{"dev:ann":"rw","dev:bob":"z","":"r","__proto__":"rwla","dev:eve":7}}');
    assert.deepEqual([...readMembers(settings).keys()].sort(), ['__proto__', 'dev:ann']);
    assert.equal(readMembers(settings).get('toString'), undefined);
    for (const bad of [undefined, null, 7, 'x', [], {}, { members: null }, { members: ['rw'] }, { members: 'rw' }]) {
      assert.equal(readMembers(bad).size, 0, JSON.stringify(bad));
    }
    const members = Object.fromEntries(Array.from({ length: MAX_MEMBERS + 5 }, (_, i) => [`u${i}`, 'r']));
    assert.equal(readMembers({ members }).size, MAX_MEMBERS);
  });

  it('[AU13] any settings are read without failing', () => {
    fc.assert(
      fc.property(fc.anything(), fc.dictionary(fc.string(), fc.anything()), (other, members) => {
        readMembers(other);
        for (const rights of readMembers({ members }).values()) assert.ok(rights >= 0 && rights <= ALL_RIGHTS);
      }),
    );
  });

  it('[AU14] without any right a space is hidden, without this one the call is forbidden', () => {
    assert.equal(decide(NO_RIGHTS, 'read', true), 'hidden');
    assert.equal(decide(NO_RIGHTS, 'write', false), 'hidden');
    assert.equal(decide(readRights('r') ?? 0, 'write', true), 'forbidden');
    assert.equal(decide(readRights('rwl') ?? 0, 'admin', true), 'forbidden');
  });

  it('[AU15] the first write of a space takes an admin; reading an empty one takes nothing but r', () => {
    assert.equal(decide(readRights('rwl') ?? 0, 'write', false), 'absent');
    assert.equal(decide(readRights('rwl') ?? 0, 'lock', false), 'absent');
    assert.equal(decide(readRights('r') ?? 0, 'read', false), 'allowed');
    assert.equal(decide(ALL_RIGHTS, 'write', false), 'allowed');
  });

  it('[AU16] what has to be asked of the space is no more than what can change the verdict', () => {
    const cases = [NO_RIGHTS, 'r', 'w', 'l', 'rwl', 'a'].map((one) =>
      one === NO_RIGHTS ? NO_RIGHTS : (readRights(one) ?? 0),
    );
    for (const brought of cases) {
      for (const right of RIGHTS) {
        const need = needOf(brought, right);
        const verdicts = (exists: boolean) =>
          cases.map((recorded) => decide(brought | recorded, right, exists) === 'allowed');
        const [there, absent] = [verdicts(true), verdicts(false)];
        if (need === 'nothing') assert.ok([...there, ...absent].every(Boolean), `${brought} ${right}`);
        if (need === 'existence') assert.ok(there.every(Boolean) && !absent.every(Boolean), `${brought} ${right}`);
        if (need === 'record') assert.ok(!there.every(Boolean), `${brought} ${right}`);
      }
    }
  });
});
