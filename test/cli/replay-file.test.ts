import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readElements, toItemId } from '../../src/cli/replay-file.ts';
import { isId } from '../../src/protocol/ids.ts';

describe('readElements', () => {
  const a = { id: 'a', x: 1 };
  const b = { id: 'b', elements: 'not a list' };
  const forms: readonly (readonly [what: string, text: string])[] = [
    ['a library of version 1', JSON.stringify({ type: 'excalidrawlib', library: [[a], [b]] })],
    [
      'a library of version 2',
      JSON.stringify({
        libraryItems: [
          { id: 'l', elements: [a] },
          { id: 'm', elements: [b] },
        ],
      }),
    ],
    ['a scene', JSON.stringify({ type: 'excalidraw', elements: [a, b] })],
    ['an array', JSON.stringify([a, { noId: 1 }, 7, null, b])],
    ['JSON lines', `${JSON.stringify(a)}\n\n${JSON.stringify(b)}\n`],
  ];
  for (const [what, text] of forms) {
    it(`[CL9] reads ${what}`, () => {
      assert.deepEqual(readElements(text), [
        { item: 'a', value: a },
        { item: 'b', value: b },
      ]);
    });
  }

  it('[CL9] says which line is no JSON', () => {
    assert.throws(() => readElements('{"id":"a"}\n{'), /line 2/);
  });

  it('[CL9] makes an id of every id, and keeps different ones apart', () => {
    const short = fc.string({ minLength: 1, maxLength: 15 });
    fc.assert(fc.property(short, (id) => isId(toItemId(id))));
    fc.assert(fc.property(short, short, (one, two) => one === two || toItemId(one) !== toItemId(two)));
    assert.equal(toItemId('a/b'), 'a~2fb');
  });
});
