import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { ROOT } from './files.ts';
import { skipFor } from './need.ts';

/** As Debian's package `chromium` puts it. */
const CHROMIUM = process.env.LONGSHORE_TEST_CHROMIUM ?? '/usr/bin/chromium';
/** Not part of the repository. */
const SCREENSHOTS = join(ROOT, 'tmp/screenshots');

/** A client that was reset several times keeps quiet for 15 s, and may have to do so twice. */
const PATIENCE_MS = 50_000;

/** What the browser says when a page goes, or is loaded anew, while a socket of it is being opened. It may say so before the test hears that the page goes. */
const INTERRUPTED = /WebSocket is closed before the connection is established/;

let running: Promise<Browser> | undefined;

/** One browser for the whole run; stopped by the root hooks. */
function launch(): Promise<Browser> {
  // Most runs need no browser, and loading the package takes a while.
  running ??= import('playwright-core').then(({ chromium }) =>
    chromium.launch({ executablePath: CHROMIUM, args: ['--disable-dev-shm-usage'] }),
  );
  return running;
}

export async function stopBrowser(): Promise<void> {
  await (await running)?.close();
  running = undefined;
}

/** For a `before` hook: skips the suite where there is no Chromium. */
export function needBrowser(context: Context): void {
  if (!existsSync(CHROMIUM)) skipFor(context, `no Chromium at ${CHROMIUM}; LONGSHORE_TEST_CHROMIUM names another`);
}

export type WindowOptions = BrowserContextOptions & {
  /** Complaints of the browser that the test brings about itself. */
  readonly expected?: readonly RegExp[];
};

/** Windows of one test, each of a person of its own (a fresh context). What the browser complains of fails the test. */
export class Windows {
  readonly #pages: Page[] = [];
  #complaints: string[] = [];

  async open(url: string, { expected = [], ...options }: WindowOptions = {}): Promise<Page> {
    const context = await (await launch()).newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    this.#pages.push(page);
    const allowed = [...expected, INTERRUPTED];
    // Those of this test: what is heard later is of a window that goes.
    const complaints = this.#complaints;
    const complain = (text: string): void => {
      if (!allowed.some((pattern) => pattern.test(text))) complaints.push(text);
    };
    page.on('pageerror', (error) => complain(`${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complain(`${message.text()} (${message.location().url})`);
    });
    await page.goto(url);
    return page;
  }

  /** Closes them all, and fails if a browser complained of anything. */
  async close(): Promise<void> {
    const heard = [...this.#complaints];
    this.#complaints = [];
    for (const page of this.#pages.splice(0)) await page.context().close();
    assert.deepEqual(heard, []);
  }
}

/** Keeps a picture of the window for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
