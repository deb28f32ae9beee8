import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, readSources } from './files.ts';
import { checkLayering } from './layering.ts';
import { checkSpec } from './spec.ts';

export type CheckResult = { readonly ok: boolean; readonly output: string };

const LINT_ARGS = ['check', '--error-on-warnings', '--max-diagnostics=none', '--reporter=github', '.'];
const MAX_LINES = 40;

/** Everything `npm run check` knows, by the name it takes on the command line. None needs the network. */
export const CHECKS = {
  types: () => checkTypes('tsconfig.json'),
  // A program of its own: there, the names of the browser exist.
  pages: () => checkTypes('tsconfig.pages.json'),
  lint: async () => conciseLint(await runTool('node_modules/@biomejs/biome/bin/biome', LINT_ARGS)),
  layers: async () => checkLayers(),
  spec: async () => checkRules(),
} as const satisfies Record<string, () => Promise<CheckResult>>;

export type CheckName = keyof typeof CHECKS;

export function isCheckName(name: string): name is CheckName {
  return Object.hasOwn(CHECKS, name);
}

/** Runs the checks side by side and prints one line for each, with its findings where it failed. */
export async function runChecks(names: readonly CheckName[]): Promise<boolean> {
  const results = await Promise.all(
    names.map(async (name) => {
      const started = performance.now();
      const result = await CHECKS[name]();
      return { name, ms: Math.round(performance.now() - started), ...result };
    }),
  );
  for (const { name, ms, ok, output } of results) {
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${ms} ms)`);
    if (output !== '') console.log(shorten(output));
  }
  return results.every((result) => result.ok);
}

function shorten(output: string): string {
  const lines = output.split('\n').map((line) => `  ${line}`);
  if (lines.length <= MAX_LINES) return lines.join('\n');
  return [...lines.slice(0, MAX_LINES), `  … and ${lines.length - MAX_LINES} more lines`].join('\n');
}

const FINDING = /^::(?:error|warning) title=([^,]*),file=([^,]*),line=(\d+)[^:]*::(.*)$/;

/** One line for each finding; as it came where that is not what was expected. */
function conciseLint(result: CheckResult): CheckResult {
  const findings = result.output.split('\n').flatMap((line) => {
    const [, rule, path, number, message] = FINDING.exec(line) ?? [];
    return path === undefined ? [] : `${relative(ROOT, path)}:${number}: ${rule}: ${message}`;
  });
  return findings.length === 0 ? result : { ok: result.ok, output: findings.join('\n') };
}

function checkTypes(project: string): Promise<CheckResult> {
  return runTool('node_modules/typescript/bin/tsc', ['-p', project, '--pretty', 'false']);
}

function runTool(script: string, args: readonly string[]): Promise<CheckResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: `cannot run ${script}: ${error.message}` }));
    child.on('close', (code) => {
      resolve({ ok: code === 0, output: code === 0 ? '' : Buffer.concat(chunks).toString().trim() });
    });
  });
}

function checkLayers(): CheckResult {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { problems, warnings } = checkLayering(readSources('src'), Object.keys(dependencies));
  const lines = [...problems, ...warnings.map((warning) => `warning: ${warning}`)];
  return { ok: problems.length === 0, output: lines.join('\n') };
}

function checkRules(): CheckResult {
  const path = join(ROOT, 'docs/spec.md');
  if (!existsSync(path)) return { ok: false, output: 'docs/spec.md is missing' };
  const problems = checkSpec(readFileSync(path, 'utf8'), readSources('test'));
  return { ok: problems.length === 0, output: problems.join('\n') };
}
