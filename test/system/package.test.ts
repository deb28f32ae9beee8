import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../support/files.ts';
import { skipFor } from '../support/need.ts';

/** Most of it is npm fetching packages. */
const INSTALL_TIMEOUT_MS = 240_000;
const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** The variables that a running npm sets would make the npm below work on this project. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|LONGSHORE_|CI$|NODE_ENV$)/i.test(name)),
  );
}

async function run(command: string, args: readonly string[], cwd: string) {
  const child = spawn(command, args, { cwd, env: cleanEnvironment() });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, output: `${out}${err}` };
}

async function runWell(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await run(command, args, cwd);
  assert.equal(code, 0, output);
  return output;
}

/** The address that the server prints, or what it printed when it ended without one. */
function readAddress(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const read = (chunk: Buffer): void => {
      printed += chunk.toString();
      const address = /http:\/\/[^\s/"]+:\d+/.exec(printed)?.[0];
      if (address !== undefined) resolve(address);
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.on('exit', (code) => reject(new Error(`the server ended with ${code} and printed:\n${printed}`)));
  });
}

describe('the npm package', () => {
  let folder: string;
  let server: ChildProcess | undefined;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-package-'));
  });

  after(async function () {
    // Thousands of small files are removed here.
    this.timeout(INSTALL_TIMEOUT_MS);
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('[DP4] installs into an empty folder from its tarball and serves from there', async function () {
    this.timeout(INSTALL_TIMEOUT_MS);
    const tarball = await pack();
    const home = join(folder, 'home');
    mkdirSync(home);
    writeFileSync(join(home, 'package.json'), '{"name":"home","private":true}');
    const flags = [
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--prefer-offline',
      '--fetch-retries=3',
      '--fetch-retry-mintimeout=1000',
    ];
    const { code, output } = await run('npm', ['install', ...flags, tarball], home);
    if (code !== 0 && UNREACHABLE.test(output)) skipFor(this, 'the npm registry cannot be reached');
    assert.equal(code, 0, output);

    assert.equal(existsSync(join(home, 'node_modules/longshore/src')), false, 'the sources are not shipped');
    server = spawn(process.execPath, ['node_modules/.bin/longshore', 'serve', '--port', '0'], {
      cwd: home,
      env: cleanEnvironment(),
    });
    const answer = await fetch(`${await readAddress(server)}/healthz`);
    assert.equal(answer.status, 200, await answer.text());
    for (const path of ['/', '/board/demo']) await assertServesPage(new URL(path, answer.url));

    server.kill('SIGTERM');
    assert.deepEqual(await once(server, 'exit'), [0, null]);
  });

  async function assertServesPage(address: URL): Promise<void> {
    const page = await (await fetch(address)).text();
    const parts = [...page.matchAll(/(?:src|href)="(\/(?:modules|pages)\/[^"]+)"/g)].map(([, path = '']) => path);
    assert(parts.length > 30, page);
    const missing = [];
    for (const path of parts) if ((await fetch(new URL(path, address))).status !== 200) missing.push(path);
    assert.deepEqual(missing, []);
  }

  /** Packs a copy, so that no `dist` stays behind in the checkout. Returns the path of the tarball. */
  async function pack(): Promise<string> {
    const copy = join(folder, 'copy');
    for (const part of ['package.json', 'bin', 'src', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
      if (existsSync(join(ROOT, part))) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    }
    await runWell(process.execPath, ['build/build.ts', '--out', join(copy, 'dist')], ROOT);
    const output = await runWell('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], copy);
    return join(folder, output.match(/longshore-\S+\.tgz(?=\s*$)/m)?.[0] ?? assert.fail(output));
  }
});
