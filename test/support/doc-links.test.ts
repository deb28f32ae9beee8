import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokenLinks } from './doc-links.ts';
import { listFiles, ROOT } from './files.ts';

describe('links of the documentation', () => {
  it('lead to files and headings that are there', () => {
    const paths = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...listFiles('docs', '.md')];
    const pages = paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
    assert.deepEqual(
      brokenLinks(pages, (path) => existsSync(join(ROOT, path))),
      [],
    );
  });

  it('are told by file and line where they do not', () => {
    const a =
      '# A\n\n[b](docs/b.md#the-end) [c](docs/c.md)\n[b](docs/b.md#nowhere) [here](#a) [out](https://x.example/y)\n';
    const b = '## The `end`\n\n```md\n[sample](gone.md)\n# Nowhere\n```\n\n[up](../a.md) [up](a.md)\n';
    const pages = [
      { path: 'a.md', text: a },
      { path: 'docs/b.md', text: b },
    ];
    const broken = brokenLinks(pages, (path) => pages.some((page) => page.path === path));
    assert.deepEqual(broken, ['a.md:3: docs/c.md', 'a.md:4: docs/b.md#nowhere', 'docs/b.md:8: a.md']);
  });
});
