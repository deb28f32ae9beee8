import assert from 'node:assert/strict';
import { ChainKeeper } from './chain-keeper.ts';

function deltas(...versions: number[]) {
  return versions.map((version) => ({ version, op: { add: `${version}` }, updatedAt: '' }));
}

function cutOff(prepare: (chains: ChainKeeper) => void): unknown {
  const chains = new ChainKeeper();
  chains.begin('a', 1);
  prepare(chains);
  chains.begin('a', 100);
  return chains.takeCutOff().map(([item, { from, deltas: kept }]) => [item, from, kept.map(({ version }) => version)]);
}

describe('the chains that simulated clients keep', () => {
  it('[SI28] hold each delta once, from the first value on', () => {
    const two = (chains: ChainKeeper) => {
      chains.extend('a', deltas(2, 3));
      chains.extend('a', deltas(3, 5));
    };
    assert.deepEqual(cutOff(two), [['a', 1, [2, 3, 5]]]);
  });

  it('[SI28] begin at what is known to be stored', () => {
    const stored = (chains: ChainKeeper) => {
      chains.extend('a', deltas(2, 3, 5));
      chains.stored('a', 3);
    };
    assert.deepEqual(cutOff(stored), [['a', 3, [5]]]);
    const all = (chains: ChainKeeper) => {
      stored(chains);
      chains.stored('a', 5);
    };
    assert.deepEqual(cutOff(all), []);
  });

  it('[SI28] are handed out once, and not of deleted items', () => {
    const chains = new ChainKeeper();
    for (const item of ['a', 'b']) {
      chains.begin(item, 1);
      chains.extend(item, deltas(2));
    }
    chains.forget('a');
    for (const item of ['a', 'b']) chains.begin(item, 9);
    assert.deepEqual(
      chains.takeCutOff().map(([item]) => item),
      ['b'],
    );
    assert.deepEqual(chains.takeCutOff(), []);
  });
});
