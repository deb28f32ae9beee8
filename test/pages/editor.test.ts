import assert from 'node:assert/strict';
import { takePicture } from '../support/browser.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { blockApi } from './board-window.ts';
import { EditorWindow } from './editor-window.ts';
import { PageSuite } from './page-suite.ts';

describe('the editor in a browser', function () {
  const site = new PageSuite(this);
  const { windows } = site;
  let proxy: TcpProxy | undefined;
  let spaces = 0;
  let space = '';

  beforeEach(() => {
    space = `texts-${spaces++}`;
  });
  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });

  const open = (name: string, options = {}, at = site.url) =>
    EditorWindow.open(windows, `${at}/edit/${space}/letter`, name, options);
  const expected = [/ERR_|Failed to load|WebSocket/];
  const slowly = async () => {
    proxy = await TcpProxy.start(Number(new URL(site.url).port));
    return proxy;
  };
  const make = (text: string) => site.post(space, { item: 'letter', kind: 'text', op: { create: { text } } });
  const get = async () => (await fetch(`${site.url}/v1/spaces/${space}/items/letter`)).json() as Promise<string>;

  it('[ED20] two people type at once at different places: every key is there, in both windows and on the server', async () => {
    await make('Ann: \nBo: ');
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await Promise.all([ann.goTo(0), bo.goTo(1)]);
    await Promise.all([ann.type('the tide is out'), bo.type('and the boats lie dry')]);
    const whole = 'Ann: the tide is out\nBo: and the boats lie dry';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    assert.equal(await get(), whole);
    assert.deepEqual([await ann.lost(), await bo.lost()], [[], []]);
    await Promise.all([ann.state('Saved'), bo.state('Saved')]);
  });

  it('[ED21] so do they where one of them is on a slow link', async () => {
    await make('Ann: \nBo: ');
    const slow = await slowly();
    const [ann, bo] = [await open('Ann'), await open('Bo', {}, `http://127.0.0.1:${slow.port}`)];
    slow.setMode({ kind: 'delay', ms: 400 });
    await Promise.all([ann.goTo(0), bo.goTo(1)]);
    await Promise.all([ann.type('the tide is out'), bo.type('and the boats lie dry')]);
    const whole = 'Ann: the tide is out\nBo: and the boats lie dry';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    assert.equal(await get(), whole);
    assert.deepEqual([await ann.lost(), await bo.lost()], [[], []]);
  });

  it('[ED22] [ED23] of two at one place the later is refused whole, shown where, and may write it again, copy it or let it go', async () => {
    await make('Tomorrow ');
    const slow = await slowly();
    const [ann, bo] = [await open('Ann'), await open('Bo', {}, `http://127.0.0.1:${slow.port}`)];
    await Promise.all([ann.goTo(0), bo.goTo(0)]);
    slow.setMode({ kind: 'hold' });
    await ann.type('rain');
    await ann.state('Saved');
    await bo.type('sun, all day');
    await bo.shows('Tomorrow sun, all day');
    // Both go after some seconds.
    const seen = Promise.all([bo.page.locator('.flash').first().waitFor(), bo.page.locator('.notice').textContent()]);
    slow.setMode({ kind: 'pass' });
    slow.release();
    await bo.page.locator('#lost li').waitFor();
    const [, told] = await seen;
    assert.match(told ?? '', /^Somebody was faster/);
    await bo.shows('Tomorrow rain');
    assert.deepEqual([await get(), await bo.lost()], ['Tomorrow rain', ['sun, all day']]);
    assert.deepEqual(await ann.lost(), []);
    await takePicture(bo.page, 'editor-refused');
    await bo.page.reload();
    await bo.shows('Tomorrow rain');
    assert.deepEqual(await bo.lost(), ['sun, all day']);
    await ann.goTo(0);
    await ann.page.keyboard.press('Home');
    await ann.type('Well. ');
    await bo.shows('Well. Tomorrow rain');
    await bo.page.getByRole('button', { name: 'Insert again' }).click();
    const whole = 'Well. Tomorrow rainsun, all day';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    assert.deepEqual([await get(), await bo.lost()], [whole, []]);
    await bo.state('Saved');
  });

  it('[ED24] offline everything goes on, the page says for how long it is not saved, and what both wrote is merged', async () => {
    await make('Ann: \nBo: ');
    const link = await slowly();
    const [ann, bo] = [await open('Ann', { expected }, `http://127.0.0.1:${link.port}`), await open('Bo')];
    await Promise.all([ann.goTo(0), bo.goTo(1)]);
    await link.refuse();
    link.resetAll();
    await ann.type('written at sea');
    await bo.type('written ashore');
    await ann.state(/^Offline · not saved for \d+ s$/);
    await bo.state('Saved');
    assert.equal(await get(), 'Ann: \nBo: written ashore');
    await link.listenAgain();
    const whole = 'Ann: written at sea\nBo: written ashore';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    await ann.state('Saved');
    assert.equal(await get(), whole);
  });

  it('[ED25] what was not sent survives a reload, and is there once', async () => {
    await make('Ann: \nBo: ');
    const link = await slowly();
    const [ann, bo] = [await open('Ann', { expected }, `http://127.0.0.1:${link.port}`), await open('Bo')];
    await ann.goTo(0);
    const letThrough = await blockApi(ann.page);
    link.resetAll();
    await ann.type('kept');
    await ann.state(/not saved/);
    await ann.page.reload();
    await ann.shows('Ann: kept\nBo: ');
    await bo.goTo(1);
    await bo.type('meanwhile');
    await bo.state('Saved');
    await ann.goTo(0);
    await ann.type(' twice');
    await ann.state(/not saved/);
    await ann.page.reload();
    await ann.shows('Ann: kept twice\nBo: ');
    letThrough();
    const whole = 'Ann: kept twice\nBo: meanwhile';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    await ann.state('Saved');
    assert.equal(await get(), whole);
  });

  it('[ED26] a text that is not there is made, also where several open it at once', async () => {
    const [ann, bo] = await Promise.all([open('Ann'), open('Bo')]);
    await ann.goTo(0);
    await ann.type('hello');
    await bo.shows('hello');
    assert.equal(await get(), 'hello');
    await Promise.all([ann.state('Saved'), bo.state('Saved')]);
  });

  it('[ED27] others are seen where they are, with their names and what they have selected, while the text moves', async () => {
    await make('first\nsecond\nthird');
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.goTo(2);
    const caret = bo.page.locator('.caret', { hasText: 'Ann' });
    await caret.waitFor();
    const inThird = bo.page.locator('.cm-line', { hasText: 'third' }).locator('.caret', { hasText: 'Ann' });
    await inThird.waitFor();
    await bo.goTo(0);
    await bo.page.keyboard.press('Enter');
    await bo.type('between');
    await ann.shows('first\nbetween\nsecond\nthird');
    assert.equal(await inThird.count(), 1);
    await ann.page.keyboard.press('Shift+Home');
    await bo.page.locator('.chosen', { hasText: 'third' }).waitFor();
    const hue = await caret.getAttribute('data-hue');
    assert.equal(await bo.page.locator('.chosen').first().getAttribute('data-hue'), hue);
    await ann.page.close();
    await caret.waitFor({ state: 'detached', timeout: 50_000 });
  });

  it('[ED28] undo takes back what was written here, and nothing of the others', async () => {
    await make('');
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.goTo(0);
    await ann.page.keyboard.insertText('one'); // keys that are half a second apart are undone one by one
    await ann.page.keyboard.press('Enter');
    await bo.shows('one\n');
    await bo.goTo(1);
    await bo.type('two');
    await ann.shows('one\ntwo');
    await ann.page.keyboard.press('Control+Z'); // the line break
    await ann.page.keyboard.press('Control+Z');
    await Promise.all([ann.shows('two'), bo.shows('two')]);
    await ann.page.keyboard.press('Control+Y');
    await ann.page.keyboard.press('Control+Y');
    await Promise.all([ann.shows('one\ntwo'), bo.shows('one\ntwo')]);
  });

  it('[ED33] the first page leads to a text of its space', async () => {
    const page = await windows.open(`${site.url}/#harbour`, { expected });
    await page.locator('#letter').click();
    await page.waitForURL(`${site.url}/edit/harbour/notes`);
    await new EditorWindow(page).state('Saved');
    await page.locator('.cm-placeholder').waitFor();
  });
});
