import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { takePicture } from '../support/browser.ts';
import { BoardWindow } from './board-window.ts';
import { contrasts, namelessControls, touchDrag } from './page-checks.ts';
import { PageSuite, TOKENS } from './page-suite.ts';

describe('the board for everybody', function () {
  const site = new PageSuite(this);
  const { windows } = site;

  const post = (space: string, items: ReadonlyMap<string, object>) =>
    site.post(space, ...[...items].map(([item, value]) => ({ item, op: { set: value } })));

  it('[BD9] works with keys alone, and says what was done', async () => {
    const ann = await BoardWindow.open(windows, `${site.url}/board/keys`, 'Ann');
    const { keyboard } = ann.page;
    const card = ann.page.locator('.card');
    await keyboard.press('n');
    await keyboard.type('Milk');
    await keyboard.press('Shift+Enter');
    await keyboard.type('and bread');
    await keyboard.press('Enter');
    await card.filter({ hasText: 'and bread' }).waitFor();
    const box = (await card.boundingBox()) ?? assert.fail();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'Shift+ArrowLeft']) await keyboard.press(key);
    const id = (await card.getAttribute('data-card')) ?? '';
    const plane = (await ann.page.locator('#plane').boundingBox()) ?? assert.fail();
    await ann.cardAt(id, box.x - plane.x + 31, box.y - plane.y + 16);
    await keyboard.press('2');
    assert.equal(await card.getAttribute('data-color'), 'sun');
    await keyboard.press('Enter');
    await keyboard.type('nothing');
    await keyboard.press('Escape');
    assert.equal(await card.getAttribute('aria-label'), 'Milk');
    await keyboard.press('Tab');
    await keyboard.press('Shift+Tab');
    await keyboard.press('Delete');
    await card.waitFor({ state: 'detached' });
    await ann.spoken('Milk deleted');
    await keyboard.press('Control+z');
    await card.filter({ hasText: 'Milk' }).waitFor();
    await ann.spoken('Undone: delete');
  });

  it('[BD15] every control has a name, and every pair of ink and ground a contrast of 4.5 to 1', async () => {
    await post('looks', new Map([['c', { x: 40, y: 60, text: 'Milk' }]]));
    const ann = await BoardWindow.open(windows, `${site.url}/board/looks`, 'Ann');
    await ann.card('c').click();
    assert.deepEqual(await namelessControls(ann.page), []);
    assert.equal(await ann.page.locator('html').getAttribute('lang'), 'en');
    assert.equal(await ann.page.locator('main').count(), 1);
    assert.equal(await ann.page.locator('h1').textContent(), 'looks');
    for (const colorScheme of ['light', 'dark'] as const) {
      await ann.page.emulateMedia({ colorScheme });
      const pairs = await contrasts(ann.page);
      assert(pairs.length > 20);
      for (const { pair, ratio, least } of pairs) assert(ratio >= least, `${colorScheme} ${pair}: ${ratio.toFixed(2)}`);
      await takePicture(ann.page, `board-${colorScheme}`);
    }
  });

  it('[BD15] a narrow phone shows everything without scrolling the page, and cards are dragged by finger', async () => {
    await post('phone', new Map([['c', { x: 40, y: 60, text: 'Milk' }]]));
    const phone = {
      viewport: { width: 320, height: 640 },
      hasTouch: true,
      isMobile: true,
      reducedMotion: 'reduce',
    } as const;
    const [ann, bo] = [
      await BoardWindow.open(windows, `${site.url}/board/phone`, 'Ann', phone),
      await BoardWindow.open(windows, `${site.url}/board/phone`, 'Bo'),
    ];
    await ann.card('c').tap();
    const outside = await ann.page.evaluate(() =>
      [...document.querySelectorAll('button, summary, #state')]
        .filter((one) => one.checkVisibility())
        .filter((one) => one.getBoundingClientRect().right > innerWidth || one.getBoundingClientRect().left < 0)
        .map((one) => one.id),
    );
    assert.deepEqual(outside, []);
    assert.equal(await ann.page.evaluate(() => document.documentElement.scrollWidth), 320);
    const small = await ann.page.evaluate(() =>
      [...document.querySelectorAll('button')]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 40)
        .map((one) => one.id),
    );
    assert.deepEqual(small, []);
    await touchDrag(ann.page, '[data-card="c"]', { x: 40, y: 200 });
    await Promise.all([ann.cardAt('c', 80, 260), bo.cardAt('c', 80, 260)]);
    await ann.page.locator('#add').tap();
    await ann.page.locator('textarea').fill('by finger');
    await ann.page.keyboard.press('Enter');
    await bo.page.locator('.card', { hasText: 'by finger' }).waitFor();
    await takePicture(ann.page, 'board-phone');
  });

  it('[BD16] of 500 cards only the one that moves is drawn', async () => {
    for (let part = 0; part < 5; part++) {
      const cards = Array.from({ length: 100 }, (_, i) => {
        const n = part * 100 + i;
        return [`c${n}`, { x: (n % 25) * 230, y: Math.floor(n / 25) * 120, text: `Card ${n}` }] as const;
      });
      await post('many', new Map(cards));
    }
    const [ann, bo] = [
      await BoardWindow.open(windows, `${site.url}/board/many`, 'Ann'),
      await BoardWindow.open(windows, `${site.url}/board/many`, 'Bo'),
    ];
    const watch = (page: Page) =>
      page.evaluate(() => {
        const touched = new Set<string>();
        Object.assign(window, { touched });
        const note = (records: MutationRecord[]): void => {
          for (const { target } of records) touched.add((target as HTMLElement).dataset.card ?? '');
        };
        for (const card of document.querySelectorAll('.card'))
          new MutationObserver(note).observe(card, { attributes: true });
      });
    for (const { page } of [ann, bo]) assert.equal(await page.locator('.card').count(), 500);
    await Promise.all([watch(ann.page), watch(bo.page)]);
    await ann.grab('c0');
    await ann.moveBy(300, 200, 60);
    await ann.page.mouse.up();
    await Promise.all([ann.cardAt('c0', 300, 200), bo.cardAt('c0', 300, 200)]);
    for (const { page } of [ann, bo]) {
      assert.deepEqual(await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched]), ['c0']);
    }
    await takePicture(bo.page, 'board-many');
  });

  it('[BD17] the first page leads to the board of its space', async () => {
    const page = await windows.open(`${site.url}/#harbour`);
    await page.locator('#table').click();
    await page.waitForURL(`${site.url}/board/harbour`);
    await new BoardWindow(page).state('Saved');
    await page.getByText(/^The table is empty/).waitFor();
  });

  describe('with tokens', function () {
    const guarded = new PageSuite(this, TOKENS);
    const { windows } = guarded;
    let token = '';

    before(async () => {
      token = await guarded.token('rwla');
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    });

    const expected = [/40[134]/];

    it('[BD14] one is asked for, kept for the tab alone, and sent in the header alone', async () => {
      const page = await windows.open(`${guarded.url}/board/demo`, { expected });
      const urls: string[] = [];
      page.on('request', (request) => urls.push(request.url()));
      const dialog = page.getByRole('dialog', { name: 'Sign in' });
      await dialog.waitFor();
      await page.locator('#token').fill('nonsense');
      await page.keyboard.press('Enter');
      await page.locator('#sign-in-why', { hasText: 'asks who you are' }).waitFor();
      await dialog.waitFor();
      await page.locator('#token').fill(token);
      await page.keyboard.press('Enter');
      const ann = new BoardWindow(page);
      await ann.state('Saved');
      await ann.addCard('guarded');
      await ann.state('Saved');
      await page.reload();
      await page.locator('.card', { hasText: 'guarded' }).waitFor();
      assert.deepEqual(
        urls.filter((one) => one.includes(token.slice(0, 20))),
        [],
      );
      assert.deepEqual(
        await page.evaluate(() => Object.values(localStorage).join()),
        await page.evaluate(() => localStorage.getItem('longshore:name')),
      );
    });

    it('[BD14] one that only lets read shows everything, and says so when something is to be changed', async () => {
      const answer = await fetch(`${guarded.url}/v1/spaces/demo/items/seen`, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: JSON.stringify({ x: 40, y: 40, text: 'Milk' }),
      });
      assert(answer.ok);
      const page = await windows.open(`${guarded.url}/board/demo#token=${await guarded.token('r')}`, { expected });
      const bo = new BoardWindow(page);
      await bo.state('Saved');
      const told = page.locator('.notice', { hasText: 'You may look at this board, but not change it.' }).waitFor();
      await bo.grab('seen');
      await bo.moveBy(200, 0, 10);
      await page.mouse.up();
      await told;
      await bo.cardAt('seen', 40, 40);
    });

    it('[BD14] one may come in the fragment, which is empty at once', async () => {
      const page = await windows.open(`${guarded.url}/board/demo#token=${token}`);
      await new BoardWindow(page).state('Saved');
      assert.equal(page.url(), `${guarded.url}/board/demo`);
      await page.locator('.card', { hasText: 'guarded' }).waitFor();
    });

    it('[BD14] a space that it does not open is said not to be there, and another may be given', async () => {
      const page = await windows.open(`${guarded.url}/board/other#token=${token}`, { expected });
      await page.locator('#sign-in-why', { hasText: 'no such board' }).waitFor();
      await new BoardWindow(page).state('Not open');
      assert.equal(await page.evaluate(() => sessionStorage.getItem('longshore:token')), null);
    });
  });
});
