import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  besideTwins,
  CARD_HEIGHT,
  CARD_WIDTH,
  freePlace,
  MAX_PLACE,
  readCard,
  titleOf,
} from '../../src/pages/board/card.ts';
import { readKey } from '../../src/pages/board/keys.ts';
import { lenient } from '../../src/pages/shared/areas.ts';
import { Glide } from '../../src/pages/shared/glide.ts';
import { cleanName, HUES, initials, readVisitor, readVisitors } from '../../src/pages/shared/people.ts';
import { describeSaving } from '../../src/pages/shared/saved.ts';
import { Session, takeToken } from '../../src/pages/shared/session.ts';

describe('parts of the board', () => {
  it('[BD3] reads any register with a place as a card, and nothing else', () => {
    assert.deepEqual(readCard({ x: 1.4, y: 2, text: 'a', color: 'sun', z: 3, more: true }), {
      ...{ x: 1, y: 2, z: 3 },
      ...{ text: 'a', color: 'sun' },
    });
    const odd = readCard({ x: -5, y: 1e9, z: '1', text: 7, color: 'javascript:' });
    assert.deepEqual(odd, { x: 0, y: MAX_PLACE, z: 0, text: '', color: 'paper' });
    for (const value of [undefined, null, 1, 'x', [], {}, { x: 1 }, { x: '1', y: 2 }, { x: Number.NaN, y: 2 }]) {
      assert.equal(readCard(value as never), undefined);
    }
    assert.deepEqual([titleOf({ text: ' \n' }), titleOf({ text: 'a\nb' })], ['empty card', 'a']);
    assert.equal(titleOf({ text: 'x'.repeat(99) }).length, 40);
  });

  it('[BD3] puts a new card where it hides no other, and where all is full not exactly upon one', () => {
    const hides = (a: { x: number; y: number }, b: { x: number; y: number }) =>
      Math.abs(a.x - b.x) < CARD_WIDTH && Math.abs(a.y - b.y) < CARD_HEIGHT;
    const cards: { x: number; y: number }[] = [];
    for (let i = 0; i < 12; i++) {
      const place = freePlace({ x: 300, y: 300 }, cards);
      assert(
        cards.every((card) => !hides(card, place)),
        `card ${i}`,
      );
      cards.push(place);
    }
    const full = Array.from({ length: 2_000 }, (_, i) => ({ x: (i % 50) * 40, y: Math.floor(i / 50) * 40 }));
    const place = freePlace({ x: 400, y: 400 }, full);
    assert(full.every(({ x, y }) => x !== place.x || y !== place.y));
    assert.deepEqual(besideTwins({ x: 5, y: 5 }, []), { x: 5, y: 5 });
  });

  it('[BD11] draws a move of somebody else in a straight line, no further than was told, and stops there', () => {
    const place = fc.record({ x: fc.integer({ min: 0, max: 2_000 }), y: fc.integer({ min: 0, max: 2_000 }) });
    fc.assert(
      fc.property(
        place,
        fc.array(fc.tuple(place, fc.integer({ min: 1, max: 400 })), { minLength: 1 }),
        (start, moves) => {
          const glide = new Glide(start, 0);
          let now = 0;
          let drawn = glide.at(now);
          for (const [to, ms] of moves) {
            glide.tell(to, now);
            const from = drawn;
            for (let step = 1; step <= 8; step++) {
              drawn = glide.at(now + (ms * step) / 8);
              for (const axis of ['x', 'y'] as const) {
                const [low, high] = [Math.min(from[axis], to[axis]), Math.max(from[axis], to[axis])];
                assert(drawn[axis] >= low - 1e-6 && drawn[axis] <= high + 1e-6);
              }
            }
            now += ms;
          }
          assert(glide.isOver(now + 1_000));
          assert.deepEqual(glide.at(now + 1_000), moves.at(-1)?.[0]);
        },
      ),
    );
  });

  it('[BD11] takes for a move about as long as moves are apart, and no time at all where nothing is to move', () => {
    const glide = new Glide({ x: 0, y: 0 }, 0);
    glide.tell({ x: 100, y: 0 }, 1_000);
    glide.tell({ x: 200, y: 0 }, 1_100);
    const at = glide.at(1_150).x;
    assert(at > 100 && at < 200, `${at}`);
    assert.deepEqual([glide.at(1_200).x, glide.isOver(1_200), glide.isOver(1_199)], [200, true, false]);
    glide.tell({ x: 0, y: 0 }, 1_300, true);
    assert.deepEqual([glide.at(1_300).x, glide.isOver(1_300)], [0, true]);
  });

  it('[BD9] has a key for everything that can be done to a card', () => {
    const key = (key: string, more: Partial<Parameters<typeof readKey>[0]> = {}) =>
      readKey({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });
    assert.deepEqual(key('ArrowLeft'), { what: 'move', card: true, by: { x: -16, y: 0 } });
    assert.deepEqual(key('ArrowDown', { shiftKey: true }), { what: 'move', card: true, by: { x: 0, y: 1 } });
    const named = ['n', 'Enter', 'F2', 'Delete', 'Backspace', 'f', 'Escape'].map((one) => key(one)?.what);
    assert.deepEqual(named, ['add', 'edit', 'edit', 'remove', 'remove', 'raise', 'leave']);
    assert.deepEqual(key('6'), { what: 'paint', card: true, color: 5 });
    assert.deepEqual(
      [key('z', { ctrlKey: true })?.what, key('Z', { metaKey: true, shiftKey: true })?.what],
      ['undo', 'redo'],
    );
    assert.equal(key('y', { ctrlKey: true })?.what, 'redo');
    for (const other of [
      key('n', { ctrlKey: true }),
      key('ArrowLeft', { altKey: true }),
      key('7'),
      key('a'),
      key('Tab'),
    ]) {
      assert.equal(other, undefined);
    }
  });

  it('[BD12] gives everybody a name and a colour that nobody else has while there are enough', () => {
    const people = Array.from({ length: HUES }, (_, i) => ({ id: `c${i}` }));
    const hues = [...readVisitors(people).values()].map(({ hue }) => hue);
    assert.equal(new Set(hues).size, HUES);
    assert.deepEqual(
      [...readVisitors(people.toReversed()).values()].map(({ hue }) => hue),
      hues,
    );
    assert.equal(readVisitors([...people, { id: 'more' }]).size, HUES + 1);
    assert.deepEqual(['Bo Lind', 'ann', 'a b c', 'Øl'].map(initials), ['BL', 'A', 'AC', 'Ø']);
  });

  it('[BD12] takes nothing on trust that others say of themselves', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.option(fc.string(), { nil: undefined }), (data, name) => {
        const visitor = readVisitor({ id: 'a', data, ...(name !== undefined && { name }) });
        assert(visitor.name.length > 0 && visitor.name.length <= 40 && !/[\n\t]/.test(visitor.name));
        assert(visitor.cursor === undefined || Number.isFinite(visitor.cursor.x + visitor.cursor.y));
      }),
    );
    const said = readVisitor({ id: 'a', name: 'Ann', data: { name: '  Bo \n Lind ', cursor: [1, 2] } });
    assert.deepEqual([said.name, said.cursor], ['Bo Lind', { x: 1, y: 2 }]);
    assert.equal(cleanName('x'.repeat(99)).length, 40);
  });

  it('[BD13] says in words whether it is connected, and what became of the changes', () => {
    const text = (status: Parameters<typeof describeSaving>[0]['status'], unsent = 0, unstored = 0) => {
      const { tone, text } = describeSaving({ status, closed: false, unsent, unstored });
      return `${tone}: ${text}`;
    };
    assert.equal(text('live'), 'good: Saved');
    assert.equal(text('live', 2), 'busy: Saving…');
    assert.equal(text('live', 0, 3), 'good: Saved · 3 being stored');
    assert.equal(text('offline'), 'bad: Offline');
    assert.equal(text('offline', 1), 'bad: Offline · 1 change kept');
    assert.equal(text('not-saved', 2), 'bad: Not saved · 2 changes kept');
    assert.equal(text('catching-up'), 'busy: Catching up');
    const refused = describeSaving({ status: 'offline', closed: true, unsent: 1, unstored: 0 });
    assert.deepEqual([refused.tone, refused.text], ['bad', 'Not open · 1 change kept']);
  });

  it('[PG13] keeps for as long as the page lives what the browser does not', () => {
    const kept = new Map([['old', '1']]);
    let fails: 'named' | 'full' | undefined = 'named';
    const area = lenient(() => {
      if (fails === 'named') throw new Error('denied');
      return {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, value) => {
          if (fails === 'full') throw new Error('full');
          kept.set(key, value);
        },
        removeItem: (key) => void kept.delete(key),
      };
    });
    area.setItem('a', '1');
    assert.deepEqual([area.getItem('a'), area.getItem('old')], ['1', null]);
    area.removeItem('a');
    assert.equal(area.getItem('a'), null);
    assert.match(new Session(area, area, () => 0).name, /Otter/);
    fails = 'full';
    area.setItem('old', '2');
    assert.deepEqual([area.getItem('old'), kept.get('old')], ['2', '1']);
    fails = undefined;
    area.setItem('old', '3');
    assert.deepEqual([area.getItem('old'), kept.get('old')], ['3', '3']);
  });

  it('[BD14] keeps a token for the tab alone, and takes it out of the fragment', () => {
    const area = (map: Map<string, string>) => ({
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
      removeItem: (key: string) => void map.delete(key),
    });
    const [ofTab, ofBrowser] = [new Map<string, string>(), new Map<string, string>()];
    const session = new Session(area(ofTab), area(ofBrowser), () => 0);
    assert.equal(takeToken('#token=abc.def-1&a=1', session), '#a=1');
    assert.equal(session.token, 'abc.def-1');
    assert.equal(takeToken('#token=', session), '');
    assert.deepEqual(
      [session.token, takeToken('#elsewhere', session), takeToken('', session)],
      ['abc.def-1', undefined, undefined],
    );
    assert.equal([...ofBrowser.values()].length, 0);
    assert.equal(session.name, 'Otter');
    session.name = ' Ann  B ';
    assert.equal(session.name, 'Ann B');
    session.token = undefined;
    assert.equal(ofTab.size, 0);
  });
});
