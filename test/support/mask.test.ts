// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the samples are source text.
import assert from 'node:assert/strict';
import { maskSource } from './mask.ts';

function masked(text: string): string {
  const mask = maskSource(text);
  assert.equal(mask.length, text.length);
  return mask.replace(/ +/g, ' ');
}

describe('mask of a source', () => {
  it('blanks comments and keeps their lines', () => {
    assert.equal(masked('a // b\nc /* d\ne */ f'), 'a \nc \n f');
    assert.equal(masked('a /* never closed'), 'a ');
  });

  it('blanks the inside of strings, with escapes', () => {
    assert.equal(masked("f('a\\'b', \"c'd\") g"), 'f(\' \', " ") g');
  });

  it('blanks templates and keeps the code inside them', () => {
    assert.equal(masked('x`a${b + `c${d}e`}f` + g'), 'x` ${b + ` ${d} `} ` + g');
    assert.equal(masked('x`a${{ b: 1 }}c`; d'), 'x` ${{ b: 1 }} `; d');
  });

  it('tells a regular expression from a division', () => {
    assert.equal(masked('a = /b["/]c/.test(d)'), 'a = / /.test(d)');
    assert.equal(masked("a / b / 'c'"), "a / b / ' '");
    assert.equal(masked("return /'/.test(a)"), 'return / /.test(a)');
    assert.equal(masked("(a) / 2; '/'"), "(a) / 2; ' '");
  });
});
