import { skipFor } from '../need.ts';

it('passes', () => {});

describe('a suite', () => {
  before(function () {
    skipFor(this, 'no lighthouse here');
  });
  it('needs a lighthouse', () => {});
});
