import assert from 'node:assert/strict';
import { NoAnswerError, RefusedError } from '../../src/client/connect.ts';
import { addressesIn, spaceOf } from '../../src/pages/first/address.ts';
import { within } from '../../src/pages/first/places.ts';
import { wordsOfOutcome, wordsOfStanding } from '../../src/pages/first/words.ts';

describe('parts of the first page', () => {
  it('[PG9] says what became of a change', () => {
    const item = 'a';
    const texts = [
      wordsOfOutcome({ item, result: 'ok', version: 3, durableVersion: 3 }),
      wordsOfOutcome({ item, result: 'ok', version: 3, durableVersion: 2 }),
      wordsOfOutcome({ item, result: 'problem', status: 403, code: 'forbidden', detail: 'you may not' }),
      wordsOfOutcome({ item, result: 'tooLarge', limit: 5 }),
      wordsOfOutcome({ item, result: 'closed' }),
    ].map(({ state, text }) => `${state}: ${text}`);
    assert.deepEqual(texts, [
      'live: a is at version 3, stored',
      'live: a is at version 3, in the cache, soon stored',
      'trouble: a problem: you may not',
      'trouble: a tooLarge',
      'trouble: a not sent: the space is not open',
    ]);
  });

  it('[PG9] says how it stands with the connection, and why', () => {
    const trouble = new NoAnswerError('http://h', undefined);
    const failure = new RefusedError(403, { detail: 'not for you' }, undefined);
    const said = (standing: Partial<Parameters<typeof wordsOfStanding>[0]>): string => {
      const { state, text } = wordsOfStanding({ status: 'live', failure: undefined, trouble: undefined, ...standing });
      return `${state}: ${text}`;
    };
    assert.deepEqual(
      [
        said({ trouble }),
        said({ status: 'catching-up' }),
        said({ status: 'offline', trouble }),
        said({ status: 'offline' }),
        said({ status: 'not-saved', trouble }),
        said({ status: 'offline', failure, trouble }),
      ],
      [
        'live: live',
        'wait: catching up',
        'trouble: no answer from http://h',
        'trouble: no answer',
        'trouble: changes wait: no answer from http://h',
        'trouble: not for you',
      ],
    );
  });

  it('[PG10] reads the space from the address, and leads to its pages', () => {
    assert.deepEqual(['', '#', '#a%3Ab', '#%'].map(spaceOf), ['demo', 'demo', 'a:b', '%']);
    assert.equal(addressesIn('a:b').letter, '/edit/a%3Ab/notes');
  });

  it('[PG9] a card that is told to be elsewhere is seen at the edge', () => {
    const room = { width: 100, height: 50 };
    assert.deepEqual(within({ x: -3, y: 1e9 }, room), { x: 0, y: 50 });
    assert.deepEqual(within({ x: 10.4, y: 20.6 }, room), { x: 10, y: 21 });
  });
});
