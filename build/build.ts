/**
 * `npm run build`: `src` becomes JavaScript in `dist`, which the package, App Engine and the image run. `--out DIR` writes
 * elsewhere. An old output is removed first, so that no file outlives its source.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** The folder under `src` that holds files to serve as they are. */
const STATIC = 'pages';

/** Pages load the modules as they are, so these come without comments; the declarations keep theirs. */
const PARTS = [['--emitDeclarationOnly'], ['--declaration', 'false', '--removeComments']];

function compile(out: string): boolean {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const project = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', out];
  return PARTS.every((part) => {
    return spawnSync(process.execPath, [tsc, ...project, ...part], { stdio: 'inherit' }).status === 0;
  });
}

function copyStatic(out: string): void {
  const isStatic = (path: string): boolean => !path.endsWith('.ts');
  cpSync(join(ROOT, 'src', STATIC), join(out, STATIC), { recursive: true, filter: isStatic });
}

function describe(out: string): string {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  const modules = files.filter((entry) => entry.name.endsWith('.js')).length;
  return `${out}: ${modules} modules, ${files.length} files, ${Math.ceil(bytes / 1024)} KiB`;
}

const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'dist') } } });
const out = resolve(values.out);
rmSync(out, { recursive: true, force: true });
if (compile(out)) {
  copyStatic(out);
  console.log(describe(out));
} else {
  console.error('the build failed');
  process.exitCode = 1;
}
