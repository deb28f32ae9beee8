import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import type { WindowOptions, Windows } from '../support/browser.ts';

type Place = { readonly x: number; readonly y: number };

/** One person at a board. Everything waits for what it asks for; nothing waits for time. */
export class BoardWindow {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(windows: Windows, url: string, name: string, options: WindowOptions = {}): Promise<BoardWindow> {
    const page = await windows.open(url, { viewport: { width: 1200, height: 800 }, ...options });
    const window = new BoardWindow(page);
    await window.state('Saved');
    await page.locator('#people summary').click();
    await page.locator('#name').fill(name);
    await page.keyboard.press('Tab');
    await page.locator('#people summary').click();
    return window;
  }

  card(id: string): Locator {
    return this.page.locator(`[data-card="${id}"]`);
  }

  /** The words about the connection. */
  async state(text: string | RegExp): Promise<void> {
    const exact = typeof text === 'string' ? new RegExp(`^${text}$`) : text;
    const state = this.page.locator('#state');
    await state
      .filter({ hasText: exact })
      .waitFor()
      .catch(async (error) => {
        throw new Error(`shown: ${await state.textContent()}`, { cause: error });
      });
  }

  /** What a screen reader was given last. */
  async spoken(text: string): Promise<void> {
    await this.page.locator('#spoken', { hasText: text }).waitFor({ state: 'attached' });
  }

  /** The card is drawn there. */
  async cardAt(id: string, x: number, y: number): Promise<void> {
    await this.page.waitForFunction(
      ([card, at]) => document.querySelector<HTMLElement>(`[data-card="${card}"]`)?.style.transform === at,
      [id, `translate(${x}px, ${y}px)`] as const,
    );
  }

  /** `undefined`: nobody else. */
  async heldBy(id: string, name: string | undefined): Promise<void> {
    const badge = this.card(id).locator('.badge');
    if (name === undefined) await badge.waitFor({ state: 'detached' });
    else await badge.filter({ hasText: name }).waitFor();
  }

  /** Presses the mouse on the card. */
  async grab(id: string): Promise<void> {
    const box = (await this.card(id).boundingBox()) ?? assert.fail('the card is not seen');
    this.#at = { x: box.x + 30, y: box.y + 30 };
    await this.page.mouse.move(this.#at.x, this.#at.y);
    await this.page.mouse.down();
  }

  #at: Place = { x: 0, y: 0 };

  async moveBy(x: number, y: number, steps: number): Promise<void> {
    const from = this.#at;
    for (let step = 1; step <= steps; step++) {
      this.#at = { x: from.x + (x * step) / steps, y: from.y + (y * step) / steps };
      await this.page.mouse.move(this.#at.x, this.#at.y);
    }
  }

  async addCard(text: string): Promise<void> {
    await this.page.locator('#add').click();
    await this.page.locator('textarea').fill(text);
    await this.page.keyboard.press('Enter');
    await this.page.locator('.card', { hasText: text }).waitFor();
  }

  /** From now on every place where the card is drawn is noted. */
  async watchMoves(id: string): Promise<void> {
    await this.card(id).evaluate((card) => {
      const moves: { x: number; y: number }[] = [];
      Object.assign(window, { moves });
      const note = (): void => {
        const [, x = '', y = ''] = /translate\((.+)px, (.+)px\)/.exec(card.style.transform) ?? [];
        const last = moves.at(-1);
        if (last?.x !== Number(x) || last.y !== Number(y)) moves.push({ x: Number(x), y: Number(y) });
      };
      new MutationObserver(note).observe(card, { attributes: true, attributeFilter: ['style'] });
    });
  }

  moves(): Promise<readonly Place[]> {
    return this.page.evaluate(() => (window as unknown as { moves: { x: number; y: number }[] }).moves);
  }
}

/** A network that is not there. */
export async function cutOff(page: Page, off: boolean): Promise<void> {
  await page.context().setOffline(off);
}

/** The page itself can be loaded, the API cannot be reached by new connections. Returns the way to let them through. */
export async function blockApi(page: Page): Promise<() => void> {
  let blocked = true;
  await page.routeWebSocket('**/v1/**', (socket) => {
    if (blocked) void socket.close();
    else socket.connectToServer();
  });
  await page.route('**/v1/**', (route) => (blocked ? route.abort() : route.continue()));
  return () => {
    blocked = false;
  };
}
