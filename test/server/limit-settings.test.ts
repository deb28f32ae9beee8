import assert from 'node:assert/strict';
import { BUDGETS, DEFAULT_LIMITS, NO_LIMITS } from '../../src/core/limits/limits-config.ts';
import { parseConfig } from '../../src/server/config.ts';
import { parseLimits } from '../../src/server/limit-settings.ts';

describe('settings of limits', () => {
  it('[LI14] each limit can be changed alone; the others have their defaults', () => {
    assert.deepEqual(parseLimits('post=5'), { ...DEFAULT_LIMITS, budgets: { ...DEFAULT_LIMITS.budgets, post: 5 } });
    const all = parseLimits(
      'addressFactor=2, parkedEach=3,parked=4,posts=5,reads=6,resyncs=8,bodyMiB=7,transferMiB=8,answerMiB=10,spaceMiB=9',
    );
    assert.deepEqual(all, {
      budgets: DEFAULT_LIMITS.budgets,
      addressFactor: 2,
      parkedEach: 3,
      parked: 4,
      posts: 5,
      reads: 6,
      resyncs: 8,
      bodyBytes: 7 * 1_048_576,
      transferBytes: 8 * 1_048_576,
      answerBytes: 10 * 1_048_576,
      spaceBytes: 9 * 1_048_576,
    });
    for (const budget of BUDGETS) assert.equal(parseLimits(`${budget}=9`).budgets[budget], 9);
  });

  it('[LI14] what is not of the form is refused, with the names', () => {
    for (const text of [
      'on',
      'post',
      'post=',
      'post=0',
      'post=-1',
      'post=1.5',
      'post=1,post=2',
      'nope=1',
      'post=1,',
      '',
    ]) {
      assert.throws(() => parseLimits(text), /must be off, or a comma list of NAME=COUNT.*snapshot/, text);
    }
    const outcome = parseConfig({ LONGSHORE_LIMITS: 'nope=1', LONGSHORE_TRUST_PROXY: '11' });
    assert.ok(!outcome.ok);
    assert.match(
      outcome.problems.join('\n'),
      /LONGSHORE_LIMITS must be off(?:.|\n)*LONGSHORE_TRUST_PROXY must be an integer, 0 to 10/,
    );
  });

  it('[LI4] `off` leaves what protects the process itself', () => {
    assert.equal(parseLimits('off'), NO_LIMITS);
    assert.deepEqual([NO_LIMITS.reads, NO_LIMITS.posts], [DEFAULT_LIMITS.reads, DEFAULT_LIMITS.posts]);
  });

  it('[LI13] no proxy is believed unless it is said, or the front end of Google is there', () => {
    const hops = (env: Record<string, string>) => {
      const outcome = parseConfig({ LONGSHORE_ALLOW_ANONYMOUS: '1', ...env });
      assert.ok(outcome.ok);
      return outcome.config.proxyHops;
    };
    assert.equal(hops({}), 0);
    assert.equal(hops({ GAE_ENV: 'standard' }), 1);
    assert.equal(hops({ K_SERVICE: 'x', LONGSHORE_TRUST_PROXY: '2' }), 2);
    assert.equal(hops({ GAE_ENV: 'standard', LONGSHORE_TRUST_PROXY: '0' }), 0);
  });
});
