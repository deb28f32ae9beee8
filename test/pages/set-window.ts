import type { Page } from 'playwright-core';
import type { WindowOptions, Windows } from '../support/browser.ts';

/** One person who looks at a set. */
export class SetWindow {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(windows: Windows, url: string, options: WindowOptions = {}): Promise<SetWindow> {
    const page = await windows.open(url, { viewport: { width: 1200, height: 800 }, ...options });
    const window = new SetWindow(page);
    await window.state('Saved');
    return window;
  }

  async state(text: string): Promise<void> {
    await this.page.locator('#state', { hasText: text }).waitFor();
  }

  async add(element: string): Promise<void> {
    await this.page.locator('#element').fill(element);
    await this.page.keyboard.press('Enter');
  }

  async remove(element: string): Promise<void> {
    await this.page.getByRole('button', { name: `Remove ${element}`, exact: true }).click();
  }

  /** Waits until these are the members, in their order. */
  async members(elements: readonly string[]): Promise<void> {
    await this.page.waitForFunction((wanted) => {
      const items = [...document.querySelectorAll('#members li:not(.going) span')];
      return JSON.stringify(items.map(({ textContent }) => textContent)) === wanted;
    }, JSON.stringify(elements));
  }

  async shownMembers(): Promise<readonly string[]> {
    return this.page.locator('#members li:not(.going) span').allTextContents();
  }

  /** Waits until the page has so many operations, and has found that they give the members. */
  async hasOps(count: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) =>
        document.getElementById('log-count')?.textContent === wanted &&
        document.getElementById('proof')?.dataset.tone === 'good',
      String(count),
    );
  }

  /** Every line of the log, found by scrolling through it: verb and element. */
  async wholeLog(): Promise<readonly string[]> {
    return this.page.evaluate(async () => {
      const frame = document.getElementById('log');
      if (!frame) return [];
      const lines = new Map<number, string>();
      const collect = (): void => {
        for (const line of document.querySelectorAll<HTMLElement>('#lines li'))
          lines.set(
            Number(line.dataset.index),
            `${line.dataset.verb} ${line.querySelector('.what')?.getAttribute('title')}`,
          );
      };
      frame.scrollTop = 0;
      for (let before = -1; frame.scrollTop !== before; ) {
        before = frame.scrollTop;
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        collect();
        frame.scrollTop += frame.clientHeight;
      }
      return [...lines].sort(([a], [b]) => a - b).map(([index, line]) => `${index} ${line}`);
    });
  }

  async monkeys(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.page.locator('#more').click();
  }

  async verdict(text: string): Promise<void> {
    await this.page.locator('#verdict', { hasText: text }).waitFor();
  }
}
