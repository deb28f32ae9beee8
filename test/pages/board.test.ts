import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { takePicture } from '../support/browser.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { BoardWindow, blockApi, cutOff } from './board-window.ts';
import { PageSuite } from './page-suite.ts';

describe('the board in a browser', function () {
  const site = new PageSuite(this);
  const { windows } = site;
  let proxy: TcpProxy | undefined;
  let spaces = 0;
  let space = '';

  beforeEach(() => {
    space = `board-${spaces++}`;
  });
  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });

  const open = (name: string, options = {}) => BoardWindow.open(windows, `${site.url}/board/${space}`, name, options);
  const put = async (id: string, value: object) => {
    const answer = await fetch(`${site.url}/v1/spaces/${space}/items/${id}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(value),
    });
    assert(answer.ok);
  };
  const get = async (id: string) => (await fetch(`${site.url}/v1/spaces/${space}/items/${id}`)).json();

  it('[BD4] a drag is seen in another window, in its order and to its end, with who holds the card', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await bo.watchMoves('c');
    await ann.grab('c');
    await ann.moveBy(400, 0, 40);
    await bo.heldBy('c', 'Ann');
    await bo.cardAt('c', 440, 40);
    await ann.moveBy(0, 200, 20);
    await bo.cardAt('c', 440, 240);
    await ann.moveBy(0, 100, 10);
    await ann.page.mouse.up();
    await bo.cardAt('c', 440, 340);
    await bo.heldBy('c', undefined);
    const { x, y } = await get('c');
    assert.deepEqual([x, y], [440, 340]);
    const moves = await bo.moves();
    assert(moves.length > 2, `${moves.length} moves were drawn`);
    for (const [i, move] of moves.entries()) {
      const before = moves[i - 1] ?? { x: 40, y: 40 };
      assert(move.x >= before.x && move.y >= before.y, `${JSON.stringify(before)} to ${JSON.stringify(move)}`);
    }
    assert.deepEqual(moves.at(-1), { x: 440, y: 340 });
  });

  it('[BD11] one’s own drag follows the pointer alone, and nothing moves the card afterwards', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const ann = await open('Ann');
    await ann.watchMoves('c');
    // The answer about the lock is kept back: nothing is sent, and somebody else changes the card.
    const { promise: kept, resolve: letGo } = Promise.withResolvers<void>();
    await ann.page.route('**/lock', (route) => kept.then(() => route.continue()));
    await ann.grab('c');
    await ann.moveBy(300, 120, 30);
    await ann.cardAt('c', 340, 160);
    await put('c', { x: 41, y: 40, text: 'Bread' });
    await ann.card('c').filter({ hasText: 'Bread' }).waitFor();
    await ann.cardAt('c', 340, 160);
    letGo();
    await ann.page.mouse.up();
    await ann.state('Saved');
    const moves = await ann.moves();
    for (const [i, { x }] of moves.entries()) assert(x >= (moves[i - 1]?.x ?? 0), 'never back');
    assert.deepEqual(moves.at(-1), { x: 340, y: 160 });
  });

  it('[BD4] Escape takes a drag back, in every window', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk', z: 3 });
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.grab('c');
    await ann.moveBy(200, 100, 20);
    await bo.heldBy('c', 'Ann');
    await ann.page.keyboard.press('Escape');
    await Promise.all([ann.cardAt('c', 40, 40), bo.cardAt('c', 40, 40), bo.heldBy('c', undefined)]);
    await ann.page.mouse.up();
    assert.deepEqual(await get('c'), { x: 40, y: 40, text: 'Milk', z: 3 });
    assert.equal(await ann.page.locator('#undo').isDisabled(), true);
  });

  it('[BD11] whoever wants to see nothing move sees it where it was told to be, and nowhere between', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const bo = await open('Bo', { reducedMotion: 'reduce' });
    await bo.watchMoves('c');
    await put('c', { x: 540, y: 340, text: 'Milk' });
    await bo.cardAt('c', 540, 340);
    assert.deepEqual(await bo.moves(), [{ x: 540, y: 340 }]);
  });

  it('[BD5] of two who take a card one gets it, and the other is told and sees where it is', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    // The browser writes down every answer that is a refusal.
    const expected = [/423 \(Locked\)/];
    const [ann, bo] = [await open('Ann', { expected }), await open('Bo', { expected })];
    for (const [window, other] of [
      [ann, 'Bo'],
      [bo, 'Ann'],
    ] as const)
      await window.page.locator('#people-list li', { hasText: other }).waitFor({ state: 'attached' });
    await Promise.all([ann.grab('c'), bo.grab('c')]);
    // Looked for from now on: it goes after some seconds.
    const told = (window: BoardWindow) => window.page.locator('.notice').first();
    const first = Promise.race(
      [ann, bo].map(async (window) => ({ loser: window, words: await told(window).textContent() })),
    );
    await Promise.all([ann.moveBy(200, 0, 20), bo.moveBy(0, 200, 20)]);
    const { loser, words } = await first;
    const winner = loser === ann ? bo : ann;
    assert.equal(words, `${winner === ann ? 'Ann' : 'Bo'} is holding “Milk” just now.`);
    await loser.heldBy('c', winner === ann ? 'Ann' : 'Bo');
    await Promise.all([ann.page.mouse.up(), bo.page.mouse.up()]);
    const [x, y] = winner === ann ? [240, 40] : [40, 240];
    await Promise.all([ann.cardAt('c', x, y), bo.cardAt('c', x, y)]);
    assert.equal(await told(winner).count(), 0);
  });

  it('[BD5] a card that is held can be neither edited nor deleted nor moved by keys', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.grab('c');
    await ann.moveBy(100, 0, 10);
    await bo.heldBy('c', 'Ann');
    await bo.card('c').focus();
    const told = bo.page.locator('.notice').first().textContent();
    for (const key of ['Delete', 'ArrowLeft', 'Enter', '3']) await bo.page.keyboard.press(key);
    assert.equal(await bo.page.locator('textarea').count(), 0);
    assert.match((await told) ?? '', /^Ann is holding/);
    assert.equal(await bo.card('c').getAttribute('aria-label'), 'Milk, held by Ann');
    await ann.page.mouse.up();
    await bo.cardAt('c', 140, 40);
    assert.equal((await get('c')).color, undefined);
  });

  it('[BD6] [BD13] without a connection everything goes on, and what was done arrives once there is one', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const [ann, bo] = [await open('Ann', { expected: [/ERR_INTERNET_DISCONNECTED/, /WebSocket/] }), await open('Bo')];
    await cutOff(ann.page, true);
    await ann.grab('c');
    await ann.moveBy(200, 100, 10);
    await ann.page.mouse.up();
    await ann.state(/^Offline/);
    await ann.addCard('written offline');
    await ann.state('Offline · 2 changes kept');
    await ann.cardAt('c', 240, 140);
    await bo.cardAt('c', 40, 40);
    assert.equal(await bo.page.locator('.card').count(), 1);
    await cutOff(ann.page, false);
    await bo.cardAt('c', 240, 140);
    await bo.page.locator('.card', { hasText: 'written offline' }).waitFor();
    await ann.state('Saved');
  });

  it('[BD7] what was not sent survives a reload', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    proxy = await TcpProxy.start(Number(new URL(site.url).port));
    const expected = [/ERR_|Failed to load|WebSocket/];
    const at = `http://127.0.0.1:${proxy.port}/board/${space}`;
    const [ann, bo] = [await BoardWindow.open(windows, at, 'Ann', { expected }), await open('Bo')];
    const letThrough = await blockApi(ann.page);
    proxy.resetAll();
    await ann.addCard('kept');
    await ann.card('c').focus();
    await ann.page.keyboard.press('ArrowRight');
    await ann.state(/2 changes kept/);
    await ann.page.reload();
    await ann.page.locator('.card', { hasText: 'kept' }).waitFor();
    assert.equal(await bo.page.locator('.card').count(), 1);
    letThrough();
    await bo.page.locator('.card', { hasText: 'kept' }).waitFor();
    await bo.cardAt('c', 56, 40);
    await ann.state('Saved');
  });

  it('[BD12] others see cursor and name, and are seen in the list', async () => {
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.page.mouse.move(300, 300);
    const cursor = bo.page.locator('.cursor', { hasText: 'Ann' });
    await cursor.waitFor();
    await ann.page.mouse.move(500, 400, { steps: 5 });
    await bo.page.waitForFunction(() => {
      const box = document.querySelector('.cursor')?.getBoundingClientRect();
      return Math.round(box?.x ?? 0) === 500 && Math.round(box?.y ?? 0) === 400;
    });
    await bo.page.locator('#people summary').click();
    const names = await bo.page.locator('#people-list li').allInnerTexts();
    assert.deepEqual(
      names.map((one) => one.split('\n').at(-1)),
      ['Bo (you)', 'Ann'],
    );
    await ann.page.locator('#people-list li', { hasText: 'Bo' }).waitFor({ state: 'attached' });
    const hue = (page: Page, name: string) =>
      page.locator('#people-list li', { hasText: name }).locator('.face').getAttribute('data-hue');
    assert.equal(await hue(bo.page, 'Ann'), await hue(ann.page, 'Ann'));
    assert.notEqual(await hue(bo.page, 'Ann'), await hue(bo.page, 'Bo'));
    await ann.page.close();
    await cursor.waitFor({ state: 'detached', timeout: 50_000 });
    await takePicture(bo.page, 'board-people');
  });

  it('[BD10] undo and redo are buttons and keys, and say what they did', async () => {
    const ann = await open('Ann');
    await ann.addCard('one');
    await ann.page.locator('#undo').click();
    await ann.page.locator('#undo').click();
    await ann.page.locator('.card').waitFor({ state: 'detached' });
    await ann.spoken('Undone: add');
    assert.equal(await ann.page.locator('#undo').isDisabled(), true);
    await ann.page.keyboard.press('Control+Shift+Z');
    await ann.page.keyboard.press('Control+Y');
    await ann.page.locator('.card', { hasText: 'one' }).waitFor();
    assert.equal(await ann.page.locator('#redo').isDisabled(), true);
  });
});
