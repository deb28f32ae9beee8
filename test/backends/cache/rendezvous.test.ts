import assert from 'node:assert/strict';
import { Rendezvous } from '../../../src/backends/cache/rendezvous.ts';

const PLACES = Array.from({ length: 9_000 }, (_, i) => `space-${i}`);
const NAMES = ['10.0.0.3:11211', '10.0.0.4:11211', '10.0.0.5:11211'];

const nameOf = (names: string[]): ((place: string) => string | undefined) => {
  const chooser = new Rendezvous(names);
  return (place) => names[chooser.choose(place)];
};

describe('rendezvous hashing', () => {
  it('[CA70] every order of the list gives the same choice, the first time and later', () => {
    const [one, two] = [nameOf(NAMES), nameOf([...NAMES].reverse())];
    for (const place of [...PLACES, ...PLACES]) assert.equal(one(place), two(place));
  });

  it('[CA70] places spread evenly', () => {
    const counts = new Map<string | undefined, number>();
    const choose = nameOf(NAMES);
    for (const place of PLACES) counts.set(choose(place), (counts.get(choose(place)) ?? 0) + 1);
    for (const name of NAMES) {
      const count = counts.get(name) ?? 0;
      assert(Math.abs(count - 3_000) < 300, `${name} holds ${count} of 9000`);
    }
  });

  it('[CA70] a node that goes takes only its own places along', () => {
    const [ofThree, ofTwo] = [nameOf(NAMES), nameOf(NAMES.slice(0, 2))];
    for (const place of PLACES) if (ofThree(place) !== NAMES[2]) assert.equal(ofTwo(place), ofThree(place));
  });

  it('[CA70] the choice is this one in every version: nodes are shared between versions', () => {
    const choose = nameOf(NAMES);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'board-1', 'board-2'].map((place) => NAMES.indexOf(choose(place) ?? '')),
      [2, 2, 1, 0, 1, 2],
    );
  });
});
