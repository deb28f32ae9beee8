import assert from 'node:assert/strict';
import type { Suite } from 'mocha';
import type { PostUpdateResponse } from '../../src/protocol/post-update.ts';
import { needBrowser, Windows } from '../support/browser.ts';
import { Folder, runCli, ServerProcess } from '../support/server-process.ts';

/** Where identities are asked for. */
export const TOKENS = {
  LONGSHORE_AUTH: 'jwt',
  LONGSHORE_JWT_SECRET: 'a-secret-that-signs-tokens-of-this-test-0123456789',
};

/** A server of its own for the tests of a suite, and windows that are closed after each of them. To be made as the suite is described. */
export class PageSuite {
  readonly windows = new Windows();
  readonly #env: Record<string, string>;
  #server: ServerProcess | undefined;

  constructor(suite: Suite, env: Record<string, string> = {}) {
    this.#env = env;
    suite.timeout(90_000);
    const folder = new Folder();
    const start = async () => {
      this.#server = await ServerProcess.start(['--data-dir', folder.path], env);
    };
    before(function () {
      needBrowser(this);
      return start();
    });
    afterEach(() => this.windows.close());
    after(async () => {
      await this.#server?.end();
      folder.remove();
    });
  }

  get url(): string {
    assert(this.#server, 'the server is started before the first test');
    return this.#server.url;
  }

  /** For the space `demo`. */
  async token(rights: string): Promise<string> {
    const minted = await runCli(['token', 'mint', rights, '--spaces', JSON.stringify({ demo: rights })], this.#env);
    return minted.out.trim();
  }

  /** Posts these updates without a window; the server takes them all. */
  async post(space: string, ...updates: readonly object[]): Promise<void> {
    const answer = await fetch(`${this.url}/v1/spaces/${space}/updates`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ updates }),
    });
    const { results } = (await answer.json()) as PostUpdateResponse;
    assert.deepEqual(
      results.filter(({ result }) => result !== 'ok'),
      [],
    );
  }
}
