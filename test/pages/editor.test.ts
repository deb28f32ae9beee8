import assert from 'node:assert/strict';
import { needBrowser, Windows } from '../support/browser.ts';
import { Folder, ServerProcess } from '../support/server-process.ts';
import { EditorWindow } from './editor-window.ts';

describe('the editor in a browser', function () {
  this.timeout(60_000);
  const folder = new Folder();
  const windows = new Windows();
  let server: ServerProcess | undefined;
  let url = '';
  let spaces = 0;
  let space = '';

  before(async function () {
    needBrowser(this);
    server = await ServerProcess.start(['--data-dir', folder.path]);
    ({ url } = server);
  });
  beforeEach(() => {
    space = `texts-${spaces++}`;
  });
  afterEach(() => windows.close());
  after(async () => {
    await server?.end();
    folder.remove();
  });

  const open = (name: string, options = {}, at = url) =>
    EditorWindow.open(windows, `${at}/edit/${space}/letter`, name, options);
  const make = async (text: string) => {
    const answer = await fetch(`${url}/v1/spaces/${space}/updates`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ updates: [{ item: 'letter', kind: 'text', op: { create: { text } } }] }),
    });
    assert(answer.ok);
  };
  const get = async () => (await fetch(`${url}/v1/spaces/${space}/items/letter`)).json() as Promise<string>;

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
});
