import assert from 'node:assert/strict';
import { CHECKS } from './checks.ts';
import { checkSpec, readCitations } from './spec.ts';

const SPEC = '# Rules\n\n- **CA1** A read sees the last write.\n- **CA2** A delete\n  is final.\n';

function file(text: string): { path: string; text: string } {
  return { path: 'test/x.test.ts', text };
}

function idsOf(text: string): string[] {
  return readCitations(file(text)).map((one) => one.id);
}

describe('spec', () => {
  it('has a test for every rule, and a rule for every id in a test title', async () => {
    const { output } = await CHECKS.spec();
    assert.equal(output, '');
  });

  it('accepts rules that are all cited', () => {
    assert.deepEqual(checkSpec(SPEC, [file("it('[CA1] reads', f);"), file("it('[CA2] deletes', f);")]), []);
  });

  it('reports a rule without a test', () => {
    assert.deepEqual(checkSpec(SPEC, [file("it('[CA1] reads', f);")]), ['docs/spec.md:4: no test cites rule CA2']);
  });

  it('does not take a skipped test for a test', () => {
    const problems = checkSpec(SPEC, [file("it('[CA1] reads', f);\nit.skip('[CA2] deletes', f);")]);
    assert.deepEqual(problems, ['docs/spec.md:4: no test cites rule CA2']);
  });

  it('reports a test that cites an unknown rule', () => {
    const problems = checkSpec(SPEC, [file("it('[CA1, CA2] both', f);\nit('[CA9] unknown', f);")]);
    assert.deepEqual(problems, ['test/x.test.ts:2: the title cites CA9, which docs/spec.md does not have']);
  });

  it('reports a rule given twice, without text, or under a malformed id', () => {
    const problems = checkSpec('- **CA1** a\n- **CA1** b\n- **CA2**\n- **ca3** c\n', [file("it('[CA1] x', f);")]);
    assert.deepEqual(problems, [
      'docs/spec.md:2: rule CA1 is already at line 1',
      'docs/spec.md:3: rule CA2 has no text',
      'docs/spec.md:4: ca3 is no rule id (two or more capitals, then a number)',
    ]);
  });

  it('reads ids from plain, quoted, template, several and wrapped titles', () => {
    assert.deepEqual(idsOf('it("[AA1] x", f)'), ['AA1']);
    assert.deepEqual(idsOf('it(`[AA1] seed ${' + 'seed}`, f)'), ['AA1']);
    assert.deepEqual(idsOf("it('[AA1] [BB22] x', f)"), ['AA1', 'BB22']);
    assert.deepEqual(idsOf("it('[AA1, BB2] x', f)"), ['AA1', 'BB2']);
    assert.deepEqual(idsOf("it(\n  '[AA1] x',\n  f)"), ['AA1']);
    assert.deepEqual(idsOf("it.only('[AA1] x', f)"), ['AA1']);
    assert.deepEqual(idsOf("itOnce('[AA1] x', f)"), ['AA1']);
  });

  it('does not read ids from comments, strings, the middle of a title or other calls', () => {
    assert.deepEqual(idsOf("// it('[AA1] x', f)\n/* it('[AA2] x') */"), []);
    assert.deepEqual(idsOf('const text = "it(\'[AA1] x\')";'), []);
    assert.deepEqual(idsOf("it('x [AA1]', f)"), []);
    assert.deepEqual(idsOf("submit('[AA1] x', f)"), []);
  });
});
