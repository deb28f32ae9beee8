// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the samples are source text.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readSources } from './support/files.ts';
import { checkLayering, MAX_FILE_LINES, WARN_FILE_LINES } from './support/layering.ts';

const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const PACKAGES = Object.keys(dependencies);

function problemsOf(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }));
  return checkLayering(sources, PACKAGES).problems;
}

function problemOf(path: string, text: string): string {
  return problemsOf({ [path]: `${text}\n` }).join('; ');
}

describe('layering', () => {
  it('holds for every file under src', () => {
    const { problems } = checkLayering(readSources('src'), PACKAGES);
    assert.deepEqual(problems, []);
  });

  const refused: readonly (readonly [path: string, text: string, why: RegExp])[] = [
    ['src/base/a.ts', "import { x } from '../protocol/x.ts';", /may not import src\/protocol/],
    ['src/protocol/a.ts', "import { x } from 'node:crypto';", /may not import node:crypto/],
    ['src/kinds/a.ts', "import type { x } from '../ports/clock.ts';", /may not import src\/ports/],
    ['src/ports/a.ts', "import { x } from '../protocol/x.ts';", /only types/],
    ['src/ports/a.ts', "import { type A, b } from '../model/x.ts';", /only types/],
    ['src/model/a.ts', "import type { x } from '../ports/cache.ts';", /may not import src\/ports/],
    ['src/model/a.ts', "import { readFileSync } from 'node:fs';", /may not import node:fs/],
    ['src/core/a.ts', "import { x } from '../backends/cache/memory.ts';", /may not import src\/backends/],
    ['src/core/a.ts', "import express from 'express';", /package express/],
    ['src/core/a.ts', "import type { x } from '../api/x.ts';", /may not import src\/api/],
    ['src/backends/cache/a.ts', "import { x } from '../store/sqlite.ts';", /may not import src\/backends\/store/],
    ['src/backends/cache/a.ts', "import { x } from '../../core/x.ts';", /may not import src\/core/],
    ['src/backends/blobs/a.ts', "import memjs from 'memjs';", /package memjs/],
    ['src/api/a.ts', "import { x } from '../backends/blobs/folder.ts';", /may not import src\/backends/],
    ['src/api/a.ts', "import { x } from '../ports/clock.ts';", /only types/],
    ['src/auth/a.ts', "import type { x } from '../core/x.ts';", /may not import src\/core/],
    ['src/auth/a.ts', "import { x } from '../ports/clock.ts';", /only types/],
    ['src/auth/a.ts', "import { x } from 'express';", /package express/],
    ['src/auth/a.ts', "import { readFileSync } from 'node:fs';", /may not import node:fs/],
    ['src/api/a.ts', "import { x } from 'jose';", /package jose/],
    ['src/core/a.ts', "import type { x } from '../auth/x.ts';", /may not import src\/auth/],
    ['src/server/a.ts', "export { x } from '../client/client.ts';", /may not import src\/client/],
    ['src/client/a.ts', "import type { x } from '../ports/cache.ts';", /may not import src\/ports\/cache/],
    ['src/client/a.ts', "import { x } from '../protocol/x.ts';", /only types/],
    ['src/client/a.ts', "const x = await import('node:fs');", /may not import node:fs/],
    ['src/pages/board/a.ts', "import { x } from '../../api/x.ts';", /may not import src\/api/],
    ['src/pages/board/a.ts', "import { x } from '../../protocol/x.ts';", /only types/],
    ['src/pages/board/a.ts', "import { x } from 'node:fs';", /may not import node:fs/],
    ['src/pages/board/a.ts', 'const t = Date.now();', /no Date.now/],
    ['src/cli/a.ts', "import {\n  x,\n} from '../core/x.ts';", /may not import src\/core/],
    ['src/cli/a.ts', "import { x } from '../server/run.ts';", /may not import src\/server\/run/],
    ['src/server/a.ts', "import { x } from '../../test/x.ts';", /src may not import test/],
    ['src/server/a.ts', "import mocha from 'mocha';", /mocha is not among the dependencies/],
    ['src/server/a.ts', 'const x = await import(name);', /by a literal/],
    ['src/stray.ts', '', /no layer/],
    ['src/core/a.ts', 'const t = Date.now();', /no Date.now/],
    ['src/core/a.ts', 'const t = new Date();', /no new Date/],
    ['src/backends/cache/a.ts', 'setTimeout(f, 5);', /no setTimeout/],
    ['src/backends/cache/a.ts', "import { setTimeout as s } from 'node:timers/promises';", /no node:timers/],
    ['src/api/a.ts', 'setInterval(f, 5);', /no setInterval/],
    ['src/kinds/a.ts', 'const x = `${Math.random()}`;', /no Math.random/],
    ['src/api/a.ts', 'const x = process.env.HOME;', /no process.env/],
    ['src/client/a.ts', 'const t = Date.now();', /no Date.now/],
  ];
  for (const [path, text, why] of refused) {
    it(`refuses \`${text.replaceAll('\n', ' ')}\` in ${path}`, () => assert.match(problemOf(path, text), why));
  }

  const accepted: readonly (readonly [path: string, text: string])[] = [
    ['src/protocol/a.ts', "import { z } from 'zod';\nimport { x } from '../base/x.ts';"],
    ['src/ports/a.ts', "import type { A } from '../model/x.ts';"],
    ['src/backends/cache/a.ts', "import { x } from './b.ts';"],
    ['src/backends/store/a.ts', "import { DatabaseSync } from 'node:sqlite';"],
    ['src/api/a.ts', "import { isFailure } from '../ports/failure.ts';\nimport type { Log } from '../ports/log.ts';"],
    ['src/client/a.ts', "import type { Clock } from '../ports/clock.ts';"],
    ['src/client/system.ts', 'export const now = (): number => Date.now();'],
    ['src/cli/a.ts', "import { compose } from '../server/compose.ts';\nconst e = process.env;"],
    ['src/core/a.ts', "// Date.now\nconst a = 'setTimeout'; /* Math.random */ const b = /process.env/;"],
    ['src/core/a.ts', 'const d = new Date(clock.now()); socket.setTimeout(5);'],
  ];
  for (const [path, text] of accepted) {
    it(`accepts \`${text.replaceAll('\n', ' ')}\` in ${path}`, () => assert.equal(problemOf(path, text), ''));
  }

  it('finds a circle of imports', () => {
    const problems = problemsOf({
      'src/core/a.ts': "import './b.ts';\n",
      'src/core/b.ts': "export { c } from './c.ts';\n",
      'src/core/c.ts': "import { a } from './a.ts';\n",
      'src/core/d.ts': "import { a } from './a.ts';\n",
    });
    assert.deepEqual(problems, ['circular import: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts']);
  });

  it('warns of a long file and refuses a longer one', () => {
    const long = { path: 'src/core/long.ts', text: '\n'.repeat(WARN_FILE_LINES + 1) };
    const longer = { path: 'src/core/longer.ts', text: '\n'.repeat(MAX_FILE_LINES + 1) };
    const { problems, warnings } = checkLayering([long, longer], PACKAGES);
    assert.deepEqual(warnings, ['src/core/long.ts: 251 lines, aim for 250']);
    assert.deepEqual(problems, ['src/core/longer.ts: 301 lines, at most 300']);
  });
});
