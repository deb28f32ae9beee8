import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { needBrowser, Windows } from '../support/browser.ts';
import { ROOT } from '../support/files.ts';
import { readSnippets, type Snippet, toPattern } from '../support/guide.ts';
import { freePort } from '../support/memcached.ts';
import { skipFor } from '../support/need.ts';
import { Folder, plainEnvironment, printed } from '../support/server-process.ts';

const BIN = join(ROOT, 'bin/longshore.mjs');
/** `npx` in a folder where the package is not installed would ask the registry. */
const NPX = `npx() { shift; ${JSON.stringify(process.execPath)} ${JSON.stringify(BIN)} "$@"; }\n`;
/** The page of the guide has none. */
const FAVICON = [/favicon\.ico/];
const SERVE = /^npx longshore (serve .*)$/m;

describe('the guide', function () {
  this.timeout(60_000);
  const folder = new Folder();
  const windows = new Windows();
  const snippets = readSnippets('guide.md');
  let port = 0;
  let server: ChildProcess | undefined;

  const here = (words: string): string => words.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`);
  const site = (query = ''): string => `http://127.0.0.1:${port}/site/${query}`;

  /** The next one; each is used once, in the order of the guide. */
  const take = (language: string): Snippet => {
    const snippet = snippets.shift();
    assert.equal(snippet?.language, language);
    return snippet as Snippet;
  };

  async function shell(words: string): Promise<string> {
    const env = plainEnvironment({ PORT: String(port) });
    const child = spawn('bash', ['-euo', 'pipefail', '-c', NPX + here(words)], { cwd: folder.path, env });
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    assert.equal(code, 0, err);
    return out;
  }

  async function run(): Promise<void> {
    const { text: words, prints } = take('sh');
    const out = await shell(words);
    assert.match(out, toPattern(here(prints ?? '')));
  }

  /** What is said before the server runs; then the server, until it has said that it is up. */
  async function serve(): Promise<void> {
    const { text: words, prints } = take('sh');
    const [line = '', args = ''] = SERVE.exec(words) ?? [];
    await shell(words.replace(line, ''));
    const env = plainEnvironment({ PORT: String(port) });
    const child = spawn(process.execPath, [BIN, ...args.split(' ')], {
      cwd: folder.path,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    server = child;
    assert.match(await printed(child.stdout, /marker=now.*\n/), toPattern(here(prints ?? '')));
  }

  async function stop(): Promise<void> {
    const ended = server && once(server, 'exit');
    server?.kill('SIGINT');
    await ended;
    server = undefined;
  }

  /** Waits until somebody holds the item. */
  async function locked(item: string): Promise<void> {
    for (let held = false, query = ''; !held; ) {
      const answer = await (await fetch(`http://127.0.0.1:${port}/v1/spaces/my-board/updates${query}`)).json();
      const { items, marker } = answer as { items: { id: string; lock?: object }[]; marker: string };
      held = items.some(({ id, lock }) => id === item && lock !== undefined);
      query = `?marker=${marker}`;
    }
  }

  const save = (html: string): void => writeFileSync(join(folder.path, 'my-board/index.html'), html);

  before(async function () {
    needBrowser(this);
    if (spawnSync('curl', ['--version']).error !== undefined) skipFor(this, 'no curl, which the guide uses');
    port = await freePort();
  });
  after(async () => {
    await stop();
    folder.remove();
  });
  afterEach(() => windows.close());

  it('[GD1] 1 and 2: a server, items and updates, from the shell', async () => {
    await serve();
    await run();
    await run();
  });

  it('[GD1] 3: a page that shows what is there, and what comes', async () => {
    save(take('html').text);
    const page = await windows.open(site(), { expected: FAVICON });
    await page.getByText('Hello, board at 60, 90').waitFor();
    await run();
    await page.getByText('Hello, board at 80, 90').waitFor();
  });

  it('[GD1] [GD2] 4 and 5: two windows, one board; a server that starts again', async () => {
    const { text: html } = take('html');
    assert.ok(html.split('\n').length <= 70, `${html.split('\n').length} lines`);
    save(html);
    const gone = [...FAVICON, /Failed to load resource|ERR_CONNECTION|net::/];
    const ann = await windows.open(site('?name=Ann'), { expected: gone });
    const bob = await windows.open(site('?name=Bob'), { expected: gone });
    const bothHere = async (): Promise<void> => {
      for (const page of [ann, bob]) await page.locator('#people', { hasText: /Ann.*Bob|Bob.*Ann/ }).waitFor();
    };
    await bothHere();

    ann.once('dialog', (dialog) => void dialog.accept('Buy ropes'));
    await ann.getByRole('button', { name: 'Add a card' }).click();
    const card = bob.getByText('Buy ropes');
    await card.waitFor();
    await drag(ann, 'Buy ropes', 200, 120);
    await at(bob, 'Buy ropes', 260, 210);

    await card.click({ button: 'right' });
    await ann.getByText('Buy ropes').waitFor({ state: 'hidden' });

    await stop();
    await ann.getByText('offline').waitFor();
    await serve();
    for (const page of [ann, bob]) await page.getByText('live').waitFor();
    await at(bob, 'Hello, board', 80, 90);
    await bothHere();
    await drag(bob, 'Hello, board', 50, 60);
    await at(ann, 'Hello, board', 130, 150);
  });

  it('[GD1] [GD2] 5: what somebody holds cannot be moved by others', async () => {
    const page = await windows.open(site('?name=Ann'), { expected: [...FAVICON, /423/] });
    await at(page, 'Hello, board', 130, 150);
    const { text: words, prints } = take('sh');
    const holding = shell(words);
    await page.getByText('longshore lock').waitFor();
    await locked('first');
    await drag(page, 'Hello, board', 30, 30);
    assert.match(await holding, toPattern(prints ?? ''));
    await at(page, 'Hello, board', 130, 150);
    await page.getByText('longshore lock').waitFor({ state: 'hidden' });
    await drag(page, 'Hello, board', 30, 30);
    await at(page, 'Hello, board', 160, 180);
  });

  it('[GD1] no snippet is left', () => {
    assert.deepEqual(snippets, []);
  });
});

async function drag(page: Page, words: string, byX: number, byY: number): Promise<void> {
  const card = page.locator('.card', { hasText: words });
  const box = await card.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + 5, box.y + 5);
  const asked = page.waitForResponse((response) => response.url().endsWith('/lock'));
  await page.mouse.down();
  if ((await asked).status() === 200) await card.and(page.locator('.held')).waitFor();
  await page.mouse.move(box.x + 5 + byX, box.y + 5 + byY, { steps: 5 });
  await page.mouse.up();
}

/** Waits until the card is there. */
async function at(page: Page, words: string, x: number, y: number): Promise<void> {
  await page.locator(`.card[style*="translate(${x}px, ${y}px)"]`, { hasText: words }).waitFor();
}
