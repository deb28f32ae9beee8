import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readCard } from '../../src/pages/board/card.ts';
import { imageOf } from '../support/images.ts';
import { BoardWindow } from './board-window.ts';
import { PageSuite } from './page-suite.ts';

type Given = { readonly base64: string; readonly type: string; readonly name: string };

/** As if the user had dropped this file at the middle of the table, or pasted it. */
async function give({ page }: BoardWindow, how: 'drop' | 'paste', file: Given): Promise<void> {
  await page.evaluate(
    ([way, { base64, type, name }]) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type }));
      const place = { clientX: 600, clientY: 400, bubbles: true, cancelable: true };
      const event =
        way === 'drop'
          ? new DragEvent('drop', { dataTransfer: data, ...place })
          : new ClipboardEvent('paste', { clipboardData: data, ...place });
      (way === 'drop' ? document.getElementById('plane') : document.body)?.dispatchEvent(event);
    },
    [how, file] as const,
  );
}

describe('images on the board', function () {
  const site = new PageSuite(this);
  const { windows } = site;

  for (const how of ['drop', 'paste'] as const) {
    it(`[BD20] an image comes by ${how}, and everybody sees it on a card`, async () => {
      const board = `${site.url}/board/images-${how}`;
      const [ann, bo] = [await BoardWindow.open(windows, board, 'Ann'), await BoardWindow.open(windows, board, 'Bo')];
      const bytes = await imageOf('png', 90, 60);
      const hash = createHash('sha256').update(bytes).digest('hex');
      await give(ann, how, { base64: bytes.toString('base64'), type: 'image/png', name: 'blue.png' });
      for (const { page } of [ann, bo]) {
        const canvas = page.locator(`.card canvas[data-shown="${hash}"]`);
        await canvas.waitFor();
        const seen = await canvas.evaluate((one: HTMLCanvasElement) => {
          const pixel = one.getContext('2d')?.getImageData(45, 30, 1, 1).data ?? [];
          return [one.width, one.height, ...pixel];
        });
        assert.deepEqual(seen, [90, 60, 0x33, 0x66, 0xcc, 255]);
        await page.locator('.card[aria-label="image"]').waitFor();
      }
    });
  }

  it('[BD20] what is no image is told, and makes no card', async () => {
    const ann = await BoardWindow.open(windows, `${site.url}/board/images-none`, 'Ann', { expected: [/422/] });
    const broken = Buffer.concat([(await imageOf('png')).subarray(0, 20), Buffer.alloc(40)]);
    for (const [bytes, words] of [
      [Buffer.from('<svg></svg>'), /was not taken: it is no PNG/],
      [broken, /was not taken: the bytes begin as image\/png/],
    ] as const) {
      await give(ann, 'drop', { base64: bytes.toString('base64'), type: 'image/png', name: 'x.png' });
      await ann.page.locator('.notice', { hasText: words }).waitFor();
    }
    assert.equal(await ann.page.locator('.card').count(), 0);
  });

  it('[BD20] only the hash of a resource is an image of a card', () => {
    const hash = 'a'.repeat(64);
    assert.equal(readCard({ x: 1, y: 1, image: hash })?.image, hash);
    for (const image of ['A'.repeat(64), `${hash}0`, 'x', 7, null, { hash }, 'javascript:alert(1)'])
      assert.equal(readCard({ x: 1, y: 1, image })?.image, undefined);
  });
});
