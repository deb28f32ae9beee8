import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseQuery, parseUpdatesQuery } from '../../src/api/query.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { getUpdatesSchema } from '../../src/protocol/get-updates.ts';

function codeOf(search: string): string | undefined {
  try {
    parseUpdatesQuery(search);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ProblemError, String(error));
    return error.problem.code;
  }
}

describe('parseUpdatesQuery', () => {
  it('[HT10] reads every parameter', () => {
    const query = parseUpdatesQuery(
      'marker=a.b&wait=5&limit=9&kinds=register,set&ids=a,b*&clientId=me%3A1&durable=true',
    );
    assert.deepEqual(query, {
      limit: 9,
      durable: true,
      marker: 'a.b',
      wait: 5,
      kinds: ['register', 'set'],
      ids: ['a', 'b*'],
      clientId: 'me:1',
    });
  });

  it('[HT10] fills in what is absent as the JSON form does', () => {
    assert.deepEqual(parseUpdatesQuery(''), getUpdatesSchema.parse({}));
  });

  const refused: readonly (readonly [search: string, code: string])[] = [
    ['nope=1', 'badRequest'],
    ['known=1', 'badRequest'],
    ['wait=1&wait=1', 'badRequest'],
    ['marker=a&marker=', 'badRequest'],
    ['wait=51', 'badRequest'],
    ['wait=-1', 'badRequest'],
    ['wait=1.5', 'badRequest'],
    ['wait=1e1', 'badRequest'],
    ['wait=', 'badRequest'],
    ['wait', 'badRequest'],
    ['wait=%201', 'badRequest'],
    ['limit=0', 'badRequest'],
    ['limit=501', 'badRequest'],
    ['durable=1', 'badRequest'],
    ['durable=TRUE', 'badRequest'],
    ['marker=', 'badRequest'],
    [`marker=${'a'.repeat(4097)}`, 'badRequest'],
    ['marker=%E0%A4%A', 'badRequest'],
    ['&', 'badRequest'],
    ['__proto__=1', 'badRequest'],
    ['kinds=', 'badRequest'],
    ['kinds=a,,b', 'badRequest'],
    [`kinds=${Array.from({ length: 17 }, () => 'a').join()}`, 'badRequest'],
    ['ids=', 'badId'],
    ['ids=a,', 'badId'],
    ['ids=a*b', 'badId'],
    ['ids=..', 'badId'],
    [`ids=${Array.from({ length: 101 }, () => 'a').join()}`, 'badRequest'],
    ['clientId=a%2Fb', 'badId'],
    ['clientId=', 'badId'],
  ];
  for (const [search, code] of refused) {
    it(`[HT11] refuses ${search.slice(0, 40)}`, () => assert.equal(codeOf(search), code));
  }

  it('[HT10] agrees with the schema of the JSON form on whatever comes', () => {
    const word = fc.oneof(fc.constantFrom('a', 'b*', '*', '..', 'now', '', '0', '50', '51', 'true'), fc.string());
    const list = fc.array(word, { maxLength: 4 });
    const field = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    const fields = fc.record({
      marker: field(word),
      wait: field(fc.integer({ min: -5, max: 60 })),
      limit: field(fc.integer({ min: -5, max: 600 })),
      kinds: field(list),
      ids: field(list),
      clientId: field(word),
      durable: field(fc.boolean()),
    });
    fc.assert(
      fc.property(fields, (given) => {
        const present = Object.entries(given).filter(([, value]) => value !== undefined);
        const search = present
          .map(
            ([name, value]) =>
              `${name}=${[value]
                .flat()
                .map((one) => encodeURIComponent(String(one)))
                .join(',')}`,
          )
          .join('&');
        // An empty list and a list of one empty word look the same in a query; so does a word with a comma.
        const asLists = present.map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join(',').split(',') : value,
        ]);
        const expected = getUpdatesSchema.safeParse(Object.fromEntries(asLists));
        if (expected.success) assert.deepEqual(parseUpdatesQuery(search), expected.data);
        else assert.notEqual(codeOf(search), undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('[HT11] answers whatever query with a query or a problem', () => {
    fc.assert(fc.property(fc.string(), (search) => ['badRequest', 'badId', undefined].includes(codeOf(search))));
  });
});

describe('parseQuery', () => {
  it('[HT11] takes + for itself and decodes names', () => {
    assert.deepEqual(parseQuery('k%69nd=a+b', ['kind']), { kind: 'a+b' });
  });
});
