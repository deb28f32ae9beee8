import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { decodeImage } from '../../src/backends/images/sharp.ts';
import type { WindowOptions, Windows } from '../support/browser.ts';

type Place = readonly [x: number, y: number];

/** One person at a picture. Places are those of the picture. */
export class DrawWindow {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(windows: Windows, url: string, options: WindowOptions = {}): Promise<DrawWindow> {
    // A picture that is not there yet is asked for first; the pixels of canvases are looked at.
    const expected = [/404/, /willReadFrequently/, ...(options.expected ?? [])];
    const page = await windows.open(url, { viewport: { width: 1200, height: 900 }, ...options, expected });
    const window = new DrawWindow(page);
    await page.locator('#picture[data-version]:not([data-version="0"])').waitFor();
    return window;
  }

  async toWindow([x, y]: Place): Promise<Place> {
    const canvas = this.page.locator('#picture');
    const box = (await canvas.boundingBox()) ?? assert.fail('the picture is not seen');
    const [width, height] = await canvas.evaluate((one: HTMLCanvasElement) => [one.width, one.height]);
    return [box.x + ((x + 0.5) * box.width) / (width ?? 1), box.y + ((y + 0.5) * box.height) / (height ?? 1)];
  }

  /** A stroke with the mouse. */
  async stroke(...places: readonly Place[]): Promise<void> {
    const [first, ...rest] = await Promise.all(places.map((place) => this.toWindow(place)));
    assert(first);
    await this.page.mouse.move(...first);
    await this.page.mouse.down();
    for (const place of rest) await this.page.mouse.move(...place, { steps: 4 });
    await this.page.mouse.up();
  }

  async choose(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Everything that was drawn here has come back, and everything up to that version is drawn. */
  async drawn(version = 0): Promise<void> {
    await this.page.waitForFunction((least) => {
      const { dataset } = document.getElementById('picture') ?? document.body;
      return dataset.unsent === '0' && Number(dataset.version) >= least;
    }, version);
  }

  /** The version that is drawn here. */
  async version(): Promise<number> {
    return Number(await this.page.locator('#picture').getAttribute('data-version'));
  }

  /** R, G, B, A. */
  async pixel([x, y]: Place, id = 'picture'): Promise<readonly number[]> {
    return this.page
      .locator(`#${id}`)
      .evaluate(
        (one: HTMLCanvasElement, [left, top]) => [
          ...(one.getContext('2d')?.getImageData(left ?? 0, top ?? 0, 1, 1).data ?? []),
        ],
        [x, y],
      );
  }

  /** A hash of all pixels as the browser has them. */
  async pixels(id = 'picture'): Promise<string> {
    const base64 = await this.page.locator(`#${id}`).evaluate((one: HTMLCanvasElement) => {
      const { data } = one.getContext('2d')?.getImageData(0, 0, one.width, one.height) ?? { data: [] };
      let text = '';
      for (let at = 0; at < data.length; at += 8_192) text += String.fromCharCode(...data.slice(at, at + 8_192));
      return btoa(text);
    });
    return hashOf(Buffer.from(base64, 'base64'));
  }
}

export function hashOf(rgba: Uint8Array): string {
  return createHash('sha256').update(rgba).digest('hex');
}

/** The picture as the server sends it. */
export async function serverPicture(url: string, query = ''): Promise<{ pixels: string; version: number }> {
  const answer = await fetch(`${url}/picture.png${query}`);
  assert.equal(answer.status, 200);
  const image = await decodeImage(Buffer.from(await answer.arrayBuffer()), 'image/png');
  assert(image);
  return { pixels: hashOf(image.rgba), version: Number(answer.headers.get('longshore-version')) };
}
