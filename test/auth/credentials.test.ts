import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NotIdentified } from '../../src/auth/caller.ts';
import { readBearer, readHeader, subjectOf } from '../../src/auth/credentials.ts';
import { MAX_SUBJECT_CHARS, MAX_TOKEN_CHARS } from '../../src/protocol/limits.ts';

const bearer = (value: string) => readBearer(['Host', 'x', 'authorization', value]);

describe('credentials', () => {
  it('[AU20] a bearer token is taken from the Authorization header, whatever the case of its scheme', () => {
    for (const text of ['Bearer abc', 'bearer abc', 'BEARER   abc', 'Bearer abc  ']) assert.equal(bearer(text), 'abc');
    assert.equal(bearer('Bearer a.b-c_d~e+f/g=='), 'a.b-c_d~e+f/g==');
    const longest = 'a'.repeat(MAX_TOKEN_CHARS);
    assert.equal(bearer(`Bearer ${longest}`), longest);
  });

  it('[AU20] other schemes, and no header, are no token', () => {
    assert.equal(readBearer([]), undefined);
    for (const text of ['Basic YTpi', 'Negotiate x', '', 'abc']) assert.equal(bearer(text), undefined);
  });

  it('[AU21] what is not one token is refused: several headers, blanks inside, other characters, too long', () => {
    for (const text of [
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Bearer a,b',
      'Bearer "a"',
      'Bearer ä',
      `Bearer ${'a'.repeat(MAX_TOKEN_CHARS + 1)}`,
    ]) {
      assert.throws(
        () => bearer(text),
        (error) => error instanceof NotIdentified && error.sent,
        text.slice(0, 20),
      );
    }
    assert.throws(() => readBearer(['Authorization', 'Bearer a', 'authorization', 'Bearer a']), NotIdentified);
    assert.throws(() => readHeader(['X', '1', 'x', '2'], 'x'), NotIdentified);
  });

  it('[AU21] any header gives a token of the allowed characters, none, or a refusal that does not repeat it', () => {
    const header = fc.oneof(
      fc.string(),
      fc.string().map((text) => `Bearer ${text}`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(header, (text) => {
        try {
          const token = bearer(text);
          assert.ok(token === undefined || /^[A-Za-z0-9._~+/-]+=*$/.test(token));
        } catch (error) {
          assert.ok(error instanceof NotIdentified);
          const rest = text.slice(7).trim();
          assert.ok(rest.length < 12 || !error.message.includes(rest));
        }
      }),
    );
  });

  it('[AU22] subjects of different sources, or of different ids, are never the same, and never long', () => {
    const id = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 60, maxLength: 300 }));
    const source = fc.constantFrom('dev', 'firebase', 'key');
    fc.assert(
      fc.property(source, id, source, id, (a, one, b, other) => {
        assert.equal(subjectOf(a, one) === subjectOf(b, other), a === b && one === other);
        assert.match(subjectOf(a, one), /^[a-z]+:[\x21-\x7e]+$/);
        assert.ok(subjectOf(a, one).length <= MAX_SUBJECT_CHARS);
      }),
    );
    assert.equal(subjectOf('dev', 'ann'), 'dev:ann');
    const long = 'x'.repeat(65);
    assert.match(subjectOf('dev', long), /^dev:#[A-Za-z0-9_-]{43}$/);
    assert.notEqual(subjectOf('dev', subjectOf('dev', long).slice(4)), subjectOf('dev', long));
  });
});
