import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { WindowOptions, Windows } from '../support/browser.ts';

/** One person at a text. Everything waits for what it asks for; nothing waits for time. */
export class EditorWindow {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(windows: Windows, url: string, name: string, options: WindowOptions = {}): Promise<EditorWindow> {
    const page = await windows.open(url, { viewport: { width: 1000, height: 700 }, ...options });
    const window = new EditorWindow(page);
    await window.state('Saved');
    await page.locator('.cm-content[contenteditable="true"]').waitFor();
    await page.locator('#people summary').click();
    await page.locator('#name').fill(name);
    await page.keyboard.press('Tab');
    await page.locator('#people summary').click();
    return window;
  }

  get text(): Promise<string> {
    return this.page.locator('.cm-content').evaluate((content) => {
      const lines = [...content.querySelectorAll('.cm-line')].map((line) => {
        const copy = line.cloneNode(true) as HTMLElement;
        for (const one of copy.querySelectorAll('.caret, .cm-placeholder')) one.remove();
        return copy.textContent ?? '';
      });
      return lines.join('\n');
    });
  }

  /** The words about what is saved. */
  async state(text: string | RegExp): Promise<void> {
    const exact = typeof text === 'string' ? new RegExp(`^${text}$`) : text;
    await this.page.locator('#state', { hasText: exact }).waitFor();
  }

  /** The cursor goes to the end of that line, from 0 on. */
  async goTo(line: number): Promise<void> {
    await this.page.locator('.cm-content').focus();
    await this.page.keyboard.press('Control+Home');
    for (let i = 0; i < line; i++) await this.page.keyboard.press('ArrowDown');
    await this.page.keyboard.press('End');
  }

  async type(text: string): Promise<void> {
    for (const key of text) await this.page.keyboard.press(key === ' ' ? 'Space' : key);
  }

  /** The text becomes this one. */
  async shows(text: string): Promise<void> {
    const deadline = Date.now() + 50_000; // as long as everything else is waited for
    for (let seen = ''; Date.now() < deadline; ) {
      seen = await this.text;
      if (seen === text) return;
      await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    }
    assert.equal(await this.text, text);
  }

  /** What is offered to be written again. */
  lost(): Promise<string[]> {
    return this.page.locator('#lost-list blockquote').allTextContents();
  }
}
