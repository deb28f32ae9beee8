import assert from 'node:assert/strict';

describe('a suite that waits for others', () => {
  it('fails in a lane of its own', () => assert.fail('as it should'));
});
