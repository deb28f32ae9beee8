import assert from 'node:assert/strict';
import { Roster } from '../../src/client/roster.ts';

describe('who is here, as the client library knows it', () => {
  it('[SDK62] a whole list replaces what was known, also where it names nobody; without one nothing changes', () => {
    const roster = new Roster();
    const ann = { id: 'ann', name: 'Ann', state: 'joined' } as const;
    assert.equal(roster.take([ann, { id: 'bob', state: 'joined' }], true), true);
    assert.deepEqual(roster.people, [{ id: 'ann', name: 'Ann' }, { id: 'bob' }]);
    assert.equal(roster.take(undefined, false), false);
    assert.equal(roster.take([{ id: 'bob', state: 'left' }], false), true);
    assert.deepEqual(roster.people, [{ id: 'ann', name: 'Ann' }]);
    assert.equal(roster.take(undefined, true), true);
    assert.deepEqual(roster.people, []);
    assert.equal(roster.take(undefined, true), false);
  });
});
