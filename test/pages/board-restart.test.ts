import assert from 'node:assert/strict';
import { needBrowser, Windows } from '../support/browser.ts';
import { freePort } from '../support/memcached.ts';
import { Folder, ServerProcess } from '../support/server-process.ts';
import { BoardWindow } from './board-window.ts';

describe('the board while its server is killed', function () {
  this.timeout(90_000);
  const windows = new Windows();
  let folder: Folder;
  let server: ServerProcess;
  let url = '';

  before(function () {
    needBrowser(this);
  });
  beforeEach(async () => {
    folder = new Folder();
    // One that is still free when the server is started again.
    server = await ServerProcess.start(['--data-dir', folder.path, '--port', String(await freePort())]);
    ({ url } = server);
  });
  afterEach(async () => {
    await windows.close();
    await server.end();
    folder.remove();
  });

  const restart = async () => {
    server = await ServerProcess.start(['--data-dir', folder.path, '--port', new URL(url).port]);
  };
  const expected = [/ERR_|Failed to load|WebSocket/];
  const open = (name: string) => BoardWindow.open(windows, `${url}/board/demo`, name, { expected });
  const get = async (id: string) => (await fetch(`${url}/v1/spaces/demo/items/${id}`)).json();
  const put = (id: string, value: object) =>
    fetch(`${url}/v1/spaces/demo/items/${id}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(value),
    });

  it('[BD8] in mid-drag, and it is there again: the drag goes on, and its end is there for all', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await bo.watchMoves('c');
    await ann.grab('c');
    await ann.moveBy(100, 0, 20);
    await bo.heldBy('c', 'Ann');
    // What was seen and not acknowledged may go back.
    await Promise.all([bo.cardAt('c', 140, 40), ann.state('Saved')]);
    await server.end('SIGKILL');
    await ann.moveBy(100, 0, 20);
    await ann.state(/^(Offline|Not saved)/);
    await ann.cardAt('c', 240, 40);
    await restart();
    await ann.moveBy(100, 0, 20);
    await ann.page.mouse.up();
    await bo.cardAt('c', 340, 40);
    await Promise.all([ann.state('Saved'), bo.state('Saved'), ann.cardAt('c', 340, 40)]);
    assert.equal((await get('c')).x, 340);
    const moves = await bo.moves();
    for (const [i, { x }] of moves.entries()) assert(x >= (moves[i - 1]?.x ?? 40), `back to ${x}`);
  });

  it('[BD8] and the card is dropped before it is there again: it stays where it was dropped', async () => {
    await put('c', { x: 40, y: 40, text: 'Milk' });
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.grab('c');
    await ann.moveBy(100, 0, 20);
    await bo.heldBy('c', 'Ann');
    await server.end('SIGKILL');
    await ann.moveBy(0, 100, 20);
    await ann.page.mouse.up();
    await ann.state(/ · 1 change kept/);
    await restart();
    await bo.cardAt('c', 140, 140);
    await bo.heldBy('c', undefined);
    await Promise.all([ann.state('Saved'), ann.cardAt('c', 140, 140)]);
    // Nobody is left holding it.
    await bo.grab('c');
    await bo.moveBy(50, 0, 10);
    await bo.page.mouse.up();
    await ann.cardAt('c', 190, 140);
  });
});
