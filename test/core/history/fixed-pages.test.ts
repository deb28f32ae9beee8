import assert from 'node:assert/strict';
import type { Answer } from '../../../src/core/engine-types.ts';
import { Seeded } from '../../simulation/seeded.ts';
import { EngineWorld } from '../../support/engine-fixture.ts';
import { type AskOps, KIND, opsIn, parkOps, text, write } from '../../support/history.ts';

async function ask(world: EngineWorld, query: AskOps, on = 0): Promise<Answer> {
  const parked = parkOps(world, 'c', { wait: 0, ...query }, on);
  await world.delivered(parked);
  assert(parked.outcome && 'answer' in parked.outcome, JSON.stringify(parked.outcome));
  return parked.outcome.answer;
}

const told = (answer: Answer) => opsIn({ answer });

describe('pages of operations that may be kept', () => {
  it('[OP18] are full, and all of them are stored', async () => {
    const world = new EngineWorld();
    await write(world, 1, 10);
    const { lineage } = told(await ask(world, {}));
    await world.ok('c', { add: text(11) }, { durable: true });
    await write(world, 12, 20);
    const fixed = async (query: AskOps) => (await ask(world, query)).fixed;
    assert.equal(await fixed({ limit: 5, lineage }), 'for ever');
    assert.equal(await fixed({ limit: 5 }), 'in this life');
    assert.equal(await fixed({ index: 7, limit: 5, lineage }), 'for ever', 'the last of them is stored');
    assert.equal(await fixed({ index: 8, limit: 5, lineage }), undefined, 'the last of them is not');
    assert.equal(await fixed({ index: 15, limit: 6, lineage }), undefined, 'nothing comes after it');
    assert.equal(await fixed({ index: 21, lineage }), undefined);
    assert.equal(await fixed({ limit: 5, lineage: '9.9' }), 'for ever', 'nobody has more than nothing');
    assert.equal(await fixed({ index: 3, limit: 5, lineage: '9.9' }), undefined, 'replaced');
  });

  it('[OP18] stay what the item has at these indexes, whatever is lost later', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Seeded(seed);
      const world = new EngineWorld();
      const kept: { readonly query: AskOps; readonly ops: readonly unknown[] }[] = [];
      let on = 0;
      let n = 0;
      let lineage = '';
      await world.ok('c', { add: text(++n) }, KIND);
      for (let round = 0; round < 25; round++) {
        for (let left = random.int(8); left >= 0; left--) await world.ok('c', { add: text(++n, 100) }, { ...KIND, on });
        if (random.int(3) === 0) await world.ok('c', { add: text(++n) }, { on, durable: true });
        if (random.int(4) === 0) {
          world.at(on).kill();
          await world.evict(/^i\//);
          world.start();
          on++;
        }
        if (random.int(5) === 0) await world.pass(6_000);
        const query = { index: 1 + random.int(n), limit: 1 + random.int(12), ...(lineage && { lineage }) };
        const answer = await ask(world, query, on);
        lineage = told(answer).lineage;
        if (answer.fixed === 'for ever') kept.push({ query, ops: told(answer).ops });
        for (const page of kept) {
          // Of many rollbacks the oldest are told as one: an old lineage may be sent back further than need be, so it is asked without.
          const { lineage: _old, ...query } = page.query;
          assert.deepEqual(told(await ask(world, query, on)).ops, page.ops, `seed ${seed} round ${round}`);
        }
      }
      assert(kept.length > 3, `seed ${seed}: ${kept.length}`);
    }
  });

  it('[OP18] of a life that has ended are replaced from the first one on', async () => {
    const world = new EngineWorld();
    await write(world, 1, 10);
    await world.ok('c', { add: 'end' }, { release: true });
    const first = await ask(world, { limit: 5 });
    const { lineage } = told(first);
    await world.ok('c', { delete: true });
    await write(world, 101, 110);
    await world.ok('c', { add: 'end' }, { release: true });
    // Who has kept pages of the old life goes on from them, and is told; who begins anew asks without a lineage, and gets others.
    const next = told(await ask(world, { index: 12, lineage }));
    assert.deepEqual([next.replaced, next.ops[0]?.op], [1, text(101)]);
    const again = await ask(world, { limit: 5 });
    assert.equal(again.fixed, 'in this life');
    assert.equal(told(again).ops[0]?.op, text(101));
  });
});
