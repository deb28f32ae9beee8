import assert from 'node:assert/strict';
import { takePicture } from '../support/browser.ts';
import { EditorWindow } from './editor-window.ts';
import { contrasts, namelessControls } from './page-checks.ts';
import { PageSuite, TOKENS } from './page-suite.ts';

describe('the editor for everybody', function () {
  const site = new PageSuite(this, TOKENS);
  const { windows } = site;

  const open = async (item: string, name: string, options = {}) => {
    const token = await site.token('rwla');
    return EditorWindow.open(windows, `${site.url}/edit/demo/${item}#token=${token}`, name, options);
  };

  it('[ED29] every control has a name and can be reached by keys, in light and dark; Tab leaves the text', async () => {
    const ann = await open('looks', 'Ann');
    const { page } = ann;
    assert.equal(page.url(), `${site.url}/edit/demo/looks`);
    assert.deepEqual(await namelessControls(page), []);
    assert.equal(await page.getByRole('textbox', { name: 'Text of looks' }).count(), 1);
    assert.equal(await page.locator('h1').textContent(), 'looks');
    await ann.goTo(0);
    await ann.type('seen');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.id === 'text'), false);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const pairs = (await contrasts(page)).filter(({ pair }) => !pair.includes('--card')); // the board's alone
      assert(pairs.length > 20);
      for (const { pair, ratio, least } of pairs) assert(ratio >= least, `${pair} ${colorScheme}`);
      await takePicture(page, `editor-${colorScheme}`);
    }
  });

  it('[ED30] 320 px are wide enough, and a finger is', async () => {
    const viewport = { width: 320, height: 560 };
    const ann = await open('phone', 'Ann', { viewport, hasTouch: true, isMobile: true });
    const { page } = ann;
    await page.locator('.cm-content').tap();
    await ann.type('a line that is longer than the window of a phone is wide, so that it has to be broken');
    await ann.state('Saved');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, 320);
    const box = await page.locator('.cm-line').first().boundingBox();
    assert((box?.height ?? 0) > 40, 'the line is broken');
    await takePicture(page, 'editor-phone');
  });

  it('[ED31] whoever may only read sees the text, is told so, and loses nothing', async () => {
    const ann = await open('letter', 'Ann');
    await ann.goTo(0);
    await ann.type('read me');
    await ann.state('Saved');
    const expected = [/403/];
    const token = await site.token('r');
    const bo = new EditorWindow(await windows.open(`${site.url}/edit/demo/letter#token=${token}`, { expected }));
    await bo.shows('read me');
    await bo.goTo(0);
    const told = bo.page.getByText('You may read this text, but not write. What you wrote is kept below.').first();
    await Promise.all([told.waitFor(), bo.type('!')]);
    await bo.shows('read me');
    assert.deepEqual(await bo.lost(), ['!']);
    await bo.page.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await bo.page.locator('#lost').isHidden(), true);
    await ann.shows('read me');
  });
});
