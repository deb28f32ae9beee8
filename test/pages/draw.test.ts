import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decodeImage } from '../../src/backends/images/sharp.ts';
import { takePicture } from '../support/browser.ts';
import { imageOf } from '../support/images.ts';
import { DrawWindow, hashOf, serverPicture } from './draw-window.ts';
import { namelessControls } from './page-checks.ts';
import { PageSuite } from './page-suite.ts';

const INK = [0x15, 0x24, 0x2c, 255];
const CORAL = [0xd9, 0x48, 0x2b, 255];
const NOTHING = [0, 0, 0, 0];

describe('a picture in a browser', function () {
  const site = new PageSuite(this);
  const { windows } = site;
  let spaces = 0;
  let space = '';
  let place = '';
  let api = '';

  beforeEach(() => {
    space = `draw-${spaces++}`;
    place = `${site.url}/draw/${space}/sketch`;
    api = `${site.url}/v1/spaces/${space}/items/sketch`;
  });

  const post = (op: unknown) => site.post(space, { item: 'sketch', kind: 'picture', op });

  it('[DR1] a picture that is not there is made; its controls have names', async () => {
    const ann = await DrawWindow.open(windows, place);
    const { width, height } = (await (await fetch(api)).json()) as { width: number; height: number };
    assert.deepEqual([width, height], [1024, 768]);
    assert.deepEqual(await namelessControls(ann.page), []);
    await ann.page.locator('#state', { hasText: 'Saved' }).waitFor();
  });

  it('[DR2] a stroke is seen at once by who draws it, also before the server has it, and by the others when it has', async () => {
    const expected = [/ERR_INTERNET_DISCONNECTED/, /WebSocket/];
    const [ann, bo] = [await DrawWindow.open(windows, place, { expected }), await DrawWindow.open(windows, place)];
    await ann.page.context().setOffline(true);
    await ann.stroke([100, 100], [300, 100]);
    assert.deepEqual(await ann.pixel([200, 100]), INK);
    assert.deepEqual(await bo.pixel([200, 100]), NOTHING);
    await ann.page.context().setOffline(false);
    await ann.drawn();
    await bo.drawn(await ann.version());
    assert.deepEqual(await bo.pixel([200, 100]), INK);
    assert.equal(await ann.pixels(), await bo.pixels());
  });

  it('[DR3] two draw at once and a third joins in the middle: all have the pixels of the server', async () => {
    const [ann, bo] = [await DrawWindow.open(windows, place), await DrawWindow.open(windows, place)];
    await bo.choose('Coral');
    const scribble = async (one: DrawWindow, from: number, count: number) => {
      for (let n = from; n < from + count; n++) {
        if (n % 3 === 0) await one.choose(n % 2 ? 'Broad line' : 'Medium line');
        await one.stroke([50 + 70 * n, 60], [500, 380 - 20 * n], [970 - 60 * n, 700]);
      }
    };
    await Promise.all([scribble(ann, 0, 4), scribble(bo, 3, 4)]);
    const [cy] = await Promise.all([DrawWindow.open(windows, place), scribble(ann, 6, 4), scribble(bo, 1, 4)]);
    await cy.choose('Fill');
    await cy.choose('Sun');
    const [x, y] = await cy.toWindow([5, 5]);
    await cy.page.mouse.click(x, y);
    await cy.choose('Eraser');
    await cy.stroke([10, 400], [1000, 300]);
    await Promise.all([ann, bo, cy].map((one) => one.drawn()));
    const { pixels, version } = await serverPicture(api);
    await Promise.all([ann, bo, cy].map((one) => one.drawn(version)));
    for (const one of [ann, bo, cy]) assert.equal(await one.pixels(), pixels);
    await takePicture(ann.page, 'draw');
  });

  it('[DR4] the last stroke of one’s own is taken back where nobody has drawn over it since; as operations, for everybody', async () => {
    const [ann, bo] = [await DrawWindow.open(windows, place), await DrawWindow.open(windows, place)];
    await ann.stroke([100, 300], [700, 300]);
    await ann.drawn();
    const before = await ann.pixels();
    await ann.choose('Coral');
    await ann.choose('Broad line');
    await ann.stroke([100, 200], [400, 300], [600, 500]);
    await ann.drawn();
    await bo.drawn(await ann.version());
    assert.deepEqual(await bo.pixel([400, 300]), CORAL);
    await ann.page.keyboard.press('Control+z');
    await ann.page.locator('#spoken', { hasText: 'Undone' }).waitFor({ state: 'attached' });
    await ann.drawn();
    await bo.drawn(await ann.version());
    for (const one of [ann, bo]) assert.equal(await one.pixels(), before);
    // What somebody has drawn over it stays.
    await ann.stroke([500, 100], [500, 600]);
    await ann.drawn();
    await bo.drawn(await ann.version());
    await bo.stroke([480, 400], [520, 400]);
    await bo.drawn();
    await ann.drawn(await bo.version());
    await ann.page.locator('#undo').click();
    await ann.drawn();
    await bo.drawn(await ann.version());
    assert.deepEqual([await bo.pixel([500, 400]), await bo.pixel([500, 200])], [INK, NOTHING]);
    assert.equal(await ann.pixels(), (await serverPicture(api)).pixels);
  });

  it('[DR5] fingers and pens draw, each its own stroke', async () => {
    const ann = await DrawWindow.open(windows, place);
    const places = await Promise.all(
      (
        [
          [100, 100],
          [300, 120],
          [100, 500],
          [300, 520],
        ] as const
      ).map((one) => ann.toWindow(one)),
    );
    await ann.page.locator('#picture').evaluate((canvas: HTMLCanvasElement, [a, b, c, d]) => {
      canvas.setPointerCapture = () => {};
      const send = (type: string, pointerId: number, pointerType: string, [x = 0, y = 0]: readonly number[] = []) => {
        const init = { pointerId, pointerType, clientX: x, clientY: y, button: 0, bubbles: true, cancelable: true };
        canvas.dispatchEvent(new PointerEvent(type, init));
      };
      send('pointerdown', 11, 'touch', a);
      send('pointerdown', 12, 'pen', c);
      send('pointermove', 11, 'touch', b);
      send('pointermove', 12, 'pen', d);
      send('pointerup', 12, 'pen', d);
      send('pointercancel', 11, 'touch', b);
    }, places);
    await ann.drawn();
    for (const at of [
      [200, 110],
      [200, 510],
    ] as const)
      assert.deepEqual(await ann.pixel(at), INK);
    assert.deepEqual(await ann.pixel([200, 300]), NOTHING);
    assert.equal(await ann.pixels(), (await serverPicture(api)).pixels);
  });

  it('[DR6] where others point is seen, by name', async () => {
    const [ann, bo] = [await DrawWindow.open(windows, place), await DrawWindow.open(windows, place)];
    await bo.page.locator('#people summary').click();
    await bo.page.locator('#name').fill('Bo');
    await bo.page.keyboard.press('Tab');
    await bo.page.locator('#people summary').click();
    await bo.page.mouse.move(...(await bo.toWindow([512, 384])));
    const cursor = ann.page.locator('.cursor', { hasText: 'Bo' });
    await cursor.waitFor();
    const at = await ann.toWindow([512, 384]);
    await ann.page.waitForFunction(
      ([x, y]) => {
        const box = document.querySelector('.cursor')?.getBoundingClientRect();
        return box && Math.abs(box.left - (x ?? 0)) < 3 && Math.abs(box.top - (y ?? 0)) < 3;
      },
      [...at],
    );
    await bo.page.mouse.move(2, 2);
    await cursor.waitFor({ state: 'detached' });
  });

  it('[DR7] the slider shows the versions that are stored, and the picture as it is at its end', async () => {
    await post({ create: { width: 200, height: 100 } });
    await post({ fill: { x: 1, y: 1, color: '#d9482b' } });
    for (let n = 0; n < 10; n++) await post({ ops: Array(100).fill({ pixels: [{ x: n, y: 0, c: '#000000' }] }) });
    const ann = await DrawWindow.open(windows, place);
    await ann.page.locator('#timeline:not([disabled])').waitFor({ timeout: 30_000 });
    await post({ clear: true });
    await ann.page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#picture');
      return canvas?.getContext('2d')?.getImageData(50, 50, 1, 1).data[3] === 0;
    });
    // Put there while the page looks for newer versions, it stays there.
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const { promise: kept, resolve: letGo } = Promise.withResolvers<void>();
    await ann.page.route('**/pictures?after=*', (route) => {
      isAsked();
      return kept.then(() => route.continue());
    });
    await asked;
    await ann.page.locator('#timeline').focus();
    await ann.page.keyboard.press('Home');
    await ann.page.locator('#past:not([hidden])').waitFor();
    const looked = ann.page.waitForResponse('**/pictures?after=*');
    letGo();
    await (await looked).finished();
    await ann.page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.equal(await ann.page.locator('#timeline').inputValue(), '0');
    const version = await ann.page.locator('#past').getAttribute('data-version');
    assert.deepEqual(await ann.pixel([50, 50], 'past'), CORAL);
    assert.equal(await ann.pixels('past'), (await serverPicture(api, `?at=${version}`)).pixels);
    await ann.page.keyboard.press('End');
    await ann.page.locator('#past').waitFor({ state: 'hidden' });
    assert.deepEqual(await ann.pixel([50, 50]), NOTHING);
  });

  it('[DR8] the picture is saved as a PNG with the pixels of the server', async () => {
    const ann = await DrawWindow.open(windows, place);
    await ann.stroke([100, 100], [300, 300]);
    await ann.drawn();
    const [download] = await Promise.all([ann.page.waitForEvent('download'), ann.choose('Save as PNG')]);
    assert.equal(download.suggestedFilename(), 'sketch.png');
    const image = await decodeImage(readFileSync(await download.path()), 'image/png');
    assert(image);
    assert.equal(hashOf(image.rgba), (await serverPicture(api)).pixels);
  });

  it('[DR9] a stamped image is seen as the server has drawn it', async () => {
    const ann = await DrawWindow.open(windows, place);
    const body = new Uint8Array(await imageOf('jpeg', 60, 40));
    const put = await fetch(api.replace('/items/sketch', '/resources'), { method: 'PUT', body });
    const { hash } = (await put.json()) as { hash: string };
    await ann.stroke([100, 100], [300, 300]);
    await post({ stamp: { x: 200, y: 200, hash } });
    await ann.stroke([210, 100], [210, 400]);
    await ann.drawn();
    const { pixels, version } = await serverPicture(api);
    await ann.drawn(version);
    assert.equal(await ann.pixels(), pixels);
    assert.equal((await ann.pixel([250, 230]))[3], 255);
  });
});
