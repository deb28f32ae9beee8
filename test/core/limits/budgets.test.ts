import assert from 'node:assert/strict';
import { createMemoryCache } from '../../../src/backends/cache/memory.ts';
import { createCachedCounts } from '../../../src/backends/counts/cached-counts.ts';
import { Budgets } from '../../../src/core/limits/budgets.ts';
import { DEFAULT_LIMITS, NO_LIMITS, WINDOW_MS } from '../../../src/core/limits/limits-config.ts';
import { FakeClock } from '../../support/clocks.ts';
import { ProbedCache } from '../../support/probed-backends.ts';

const POSTS = 80;
const config = { ...DEFAULT_LIMITS, budgets: { ...DEFAULT_LIMITS.budgets, post: POSTS } };

class World {
  readonly clock = new FakeClock();
  readonly #cache = createMemoryCache({ clock: this.clock });

  instance(limits = config) {
    const cache = new ProbedCache(this.#cache, new Set());
    const counts = createCachedCounts({ cache, clock: this.clock, windowMs: WINDOW_MS });
    return { cache, budgets: new Budgets({ clock: this.clock, counts, config: limits }) };
  }

  async settle(): Promise<void> {
    this.clock.advance(1_000);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** How many of `tries` go through. */
function spend(budgets: Budgets, subject: string, tries: number): number {
  let taken = 0;
  for (let i = 0; i < tries; i++) if (budgets.take(budgets.subject(subject), 'post') === 0) taken++;
  return taken;
}

describe('budgets', () => {
  it('[LI1] within a window a caller has just its budget, then waits until the window ends', () => {
    const { budgets } = new World().instance();
    assert.equal(spend(budgets, 'ann', POSTS + 10), POSTS);
  });

  it('[LI1] the wait that is told ends with the window', () => {
    const world = new World();
    const { budgets } = world.instance();
    spend(budgets, 'ann', POSTS);
    world.clock.advance(4_000);
    const wait = budgets.take(budgets.subject('ann'), 'post');
    assert.equal(wait, WINDOW_MS - 4_000);
    world.clock.advance(wait - 1);
    assert.equal(budgets.take(budgets.subject('ann'), 'post'), 1);
    world.clock.advance(1);
    assert.equal(spend(budgets, 'ann', POSTS + 1), POSTS);
  });

  it('[LI2] callers and budgets do not use up each other’s; an address has as many times as much', () => {
    const { budgets } = new World().instance();
    spend(budgets, 'ann', POSTS);
    assert.equal(budgets.take(budgets.subject('bob'), 'post'), 0);
    assert.equal(budgets.take(budgets.subject('ann'), 'poll'), 0);
    const address = budgets.address('ann');
    for (let i = 0; i < POSTS * config.addressFactor; i++) assert.equal(budgets.take(address, 'post'), 0);
    assert.ok(budgets.take(address, 'post') > 0);
  });

  it('[LI3] what is taken at once may go beyond the budget, then nothing goes', () => {
    const { budgets } = new World().instance();
    assert.equal(budgets.take(budgets.subject('ann'), 'post', POSTS - 1), 0);
    assert.equal(budgets.take(budgets.subject('ann'), 'post', 100), 0);
    assert.ok(budgets.take(budgets.subject('ann'), 'post') > 0);
  });

  it('[LI20] instances share a budget: all together allow it, an eighth for each and what comes in a second', async () => {
    const world = new World();
    const [a, b] = [world.instance().budgets, world.instance().budgets];
    let taken = 0;
    for (let second = 0; second < 9; second++) {
      taken += spend(a, 'ann', 10) + spend(b, 'ann', 10);
      await world.settle();
    }
    assert.ok(taken >= POSTS && taken <= POSTS + (2 * POSTS) / 8 + 20, `${taken} of ${POSTS}`);
    assert.ok(b.take(b.subject('ann'), 'post') > 0);
  });

  it('[LI21] a caller far below its budget costs the cache nothing, one above it two operations a second', async () => {
    const world = new World();
    const { budgets, cache } = world.instance();
    for (let i = 0; i < 1_000; i++) spend(budgets, `s${i}`, POSTS / 8 - 1);
    await world.settle();
    assert.equal(cache.calls.length, 0);
    spend(budgets, 'ann', POSTS / 2);
    assert.equal(cache.calls.length, 0, 'no request may wait for the cache');
    await world.settle();
    await world.settle();
    assert.deepEqual(
      cache.calls.map(({ name }) => name),
      ['append', 'add', 'get'],
    );
  });

  it('[LI21] there is one timer however many requests come, and none while nobody comes', async () => {
    const world = new World();
    const { budgets } = world.instance();
    for (let i = 0; i < 100; i++) spend(budgets, `s${i}`, POSTS);
    assert.equal(world.clock.waiting, 1);
    await world.settle();
    assert.equal(world.clock.waiting, 0);
  });

  it('[LI22] while the cache is away each instance goes on with what it has counted itself', async () => {
    const world = new World();
    const { budgets, cache } = world.instance();
    cache.down = true;
    const first = spend(budgets, 'ann', POSTS / 2);
    await world.settle();
    assert.equal(first + spend(budgets, 'ann', POSTS), POSTS);
  });

  it('[LI4] `off` refuses nobody', () => {
    const { budgets } = new World().instance(NO_LIMITS);
    assert.equal(spend(budgets, 'ann', 100_000), 100_000);
  });
});
