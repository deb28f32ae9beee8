import assert from 'node:assert/strict';
import { needBrowser, Windows } from '../support/browser.ts';
import { freePort } from '../support/memcached.ts';
import { Folder, ServerProcess } from '../support/server-process.ts';
import { EditorWindow } from './editor-window.ts';

describe('the editor while its server is killed', function () {
  this.timeout(90_000);
  const windows = new Windows();
  const folder = new Folder();
  let server: ServerProcess;
  let url = '';

  before(async function () {
    needBrowser(this);
    // One that is still free when the server is started again.
    server = await ServerProcess.start(['--data-dir', folder.path, '--port', String(await freePort())]);
    ({ url } = server);
  });
  after(async () => {
    await windows.close();
    await server?.end();
    folder.remove();
  });

  const expected = [/ERR_|Failed to load|WebSocket/];
  const open = (name: string) => EditorWindow.open(windows, `${url}/edit/demo/letter`, name, { expected });

  it('[ED32] two go on typing through its death and its return: every key is there once', async () => {
    const [ann, bo] = [await open('Ann'), await open('Bo')];
    await ann.goTo(0);
    await ann.type('Ann: ');
    await ann.page.keyboard.press('Enter');
    await ann.type('Bo: ');
    await bo.shows('Ann: \nBo: ');
    await Promise.all([ann.goTo(0), bo.goTo(1)]);
    const typing = Promise.all([ann.type('the tide comes in and goes out again'), bo.type('and nobody has asked it')]);
    await bo.page.locator('.cm-line', { hasText: 'the tide' }).waitFor();
    await server.end('SIGKILL');
    await typing;
    await Promise.all([ann.type('!'), bo.type('!')]); // however quick they were
    await Promise.all([ann.state(/not saved for/), bo.state(/not saved for/)]);
    server = await ServerProcess.start(['--data-dir', folder.path, '--port', new URL(url).port]);
    const whole = 'Ann: the tide comes in and goes out again!\nBo: and nobody has asked it!';
    await Promise.all([ann.shows(whole), bo.shows(whole)]);
    await Promise.all([ann.state('Saved'), bo.state('Saved')]);
    assert.equal(await (await fetch(`${url}/v1/spaces/demo/items/letter`)).json(), whole);
    assert.deepEqual([await ann.lost(), await bo.lost()], [[], []]);
  });
});
