import assert from 'node:assert/strict';
import type { SetValue } from '../../src/kinds/set.ts';
import type { OpsResponse } from '../../src/protocol/ops.ts';
import { takePicture } from '../support/browser.ts';
import { blockApi } from './board-window.ts';
import { PageSuite } from './page-suite.ts';
import { SetWindow } from './set-window.ts';

const OFFLINE = [/ERR_INTERNET_DISCONNECTED/, /ERR_FAILED/, /WebSocket/];

describe('a set in a browser', function () {
  const site = new PageSuite(this);
  const { windows } = site;
  let spaces = 0;
  let space = '';
  let place = '';
  let api = '';

  beforeEach(() => {
    space = `set-${spaces++}`;
    place = `${site.url}/set/${space}/words`;
    api = `${site.url}/v1/spaces/${space}/items/words`;
  });

  const post = (ops: readonly unknown[], kind = 'set') =>
    site.post(space, { item: 'words', kind, op: kind === 'set' ? { ops } : { set: ops } });
  const serverMembers = async (): Promise<readonly string[]> => ((await (await fetch(api)).json()) as SetValue).members;
  /** How many operations there are, in a log of one page. */
  const serverOps = async (): Promise<number> => {
    const { nextIndex, upToDate } = (await (await fetch(`${api}/ops?index=1`)).json()) as OpsResponse;
    assert(upToDate);
    return nextIndex - 1;
  };

  it('[VW1] [VW2] two windows add and remove, a third joins late: all have the members, and every operation from the first on', async () => {
    const [ann, bo] = [await SetWindow.open(windows, place), await SetWindow.open(windows, place)];
    await ann.page.getByText('Nothing is in it.').waitFor();
    await ann.add('tea');
    await bo.members(['tea']);
    await bo.add('bread');
    await ann.members(['bread', 'tea']);
    await ann.remove('bread');
    for (let n = 0; n < 30; n++) await (n % 2 ? ann : bo).add(`word ${n}`);
    await bo.remove('tea');
    const words = Array.from({ length: 30 }, (_, n) => `word ${n}`).sort();
    for (const one of [ann, bo]) await one.members(words);
    const cy = await SetWindow.open(windows, place);
    await cy.members(words);
    for (const one of [ann, bo, cy]) await one.hasOps(34);
    const log = await ann.wholeLog();
    assert.deepEqual(log.slice(0, 3), ['1 add tea', '2 add bread', '3 remove bread']);
    assert.equal(log.length, 34);
    for (const one of [bo, cy]) assert.deepEqual(await one.wholeLog(), log);
    await takePicture(cy.page, 'set');
  });

  it('[VW3] of 20,000 operations only the lines that are seen are there; keys and wheel reach every one', async () => {
    for (let part = 0; part < 40; part++) {
      const ops = Array.from({ length: 500 }, (_, i) => [i % 2 ? 'remove' : 'add', `e${i >> 1}`, part * 1_000 + i]);
      await post(ops);
    }
    await post([['add', 'last']]);
    const ann = await SetWindow.open(windows, place);
    await ann.hasOps(20_001);
    const lines = ann.page.locator('#lines li');
    const shown = () => lines.evaluateAll((all) => all.map((one) => Number((one as HTMLElement).dataset.index)));
    assert((await lines.count()) < 100);
    assert((await shown()).includes(20_001));
    await ann.page.locator('#log').focus();
    await ann.page.keyboard.press('Home');
    await ann.page.locator('#lines li[data-index="1"]').waitFor();
    assert((await lines.count()) < 100);
    // Who looks at old ones stays there.
    const before = await shown();
    await post([['add', 'later']]);
    await ann.hasOps(20_002);
    assert.deepEqual(await shown(), before);
    await ann.page.locator('#newest').click();
    await ann.page.locator('#lines li[data-index="20002"]').waitFor();
    await post([['remove', 'later']]);
    await ann.page.locator('#lines li[data-index="20003"]').waitFor();
    await ann.page.mouse.move(900, 400);
    await ann.page.mouse.wheel(0, -32 * 300);
    await ann.page.locator('#newest').waitFor();
    // Where the wheel comes to rest.
    await ann.page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLElement>('#lines li')].every((one) => Number(one.dataset.index) < 19_800),
    );
    const rows = await shown();
    assert(rows.length > 10 && rows.every((index, i) => i === 0 || index === (rows[i - 1] ?? 0) + 1));
    assert((await lines.count()) < 100);
    // Full pages come from the browser's own cache the next time; the first one is asked for again.
    await ann.page.reload();
    await ann.hasOps(20_003);
    const sent = await ann.page.evaluate(() =>
      (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
        .filter(({ name }) => name.includes('/ops?'))
        .map(({ transferSize, decodedBodySize }) => [transferSize, decodedBodySize]),
    );
    const own = sent.filter(([transferSize = 0, size = 0]) => transferSize === 0 && size > 10_000);
    assert(own.length >= 38, `${own.length} of ${sent.length}`);
  });

  it('[VW4] a member that goes is seen to go, and is gone at once for those who want to see nothing move', async () => {
    const [ann, bo] = [
      await SetWindow.open(windows, place),
      await SetWindow.open(windows, place, { reducedMotion: 'reduce' }),
    ];
    await ann.add('tea');
    await bo.members(['tea']);
    const watch = (one: SetWindow) =>
      one.page.evaluate(() => {
        const seen: string[] = [];
        Object.assign(window, { seen });
        const note = (records: MutationRecord[]): void => {
          for (const { target } of records) seen.push((target as HTMLElement).className);
        };
        const list = document.getElementById('members');
        if (list) new MutationObserver(note).observe(list, { attributes: true, subtree: true });
      });
    await Promise.all([watch(ann), watch(bo)]);
    await bo.remove('tea');
    for (const one of [ann, bo]) await one.page.locator('#members li').waitFor({ state: 'detached' });
    const seen = (one: SetWindow) => one.page.evaluate(() => (window as unknown as { seen: string[] }).seen.join());
    assert.match(await seen(ann), /going/);
    assert.equal(await seen(bo), '');
  });

  it('[VW5] monkeys work; one that is offline goes on, sends it when it is back, and all agree, here and elsewhere', async () => {
    const [ann, bo] = [await SetWindow.open(windows, place), await SetWindow.open(windows, place)];
    await ann.monkeys(3);
    await bo.page.locator('#members li').nth(2).waitFor();
    await bo.page.locator('#people-count', { hasText: '5 people here' }).waitFor({ state: 'attached' });
    await ann.page.locator('#monkeys button:not([data-state="offline"])', { hasText: 'Monkey 2' }).click();
    await ann.page.locator('#monkeys button', { hasText: /Monkey 2 · ([3-9]|\d\d+) kept/ }).waitFor();
    await takePicture(ann.page, 'set-monkeys');
    await ann.page.locator('#rest').click();
    await ann.verdict('All have the same members as you');
    const members = await serverMembers();
    for (const one of [ann, bo]) await one.members(members);
    const count = await serverOps();
    for (const one of [ann, bo]) await one.hasOps(count);
    assert.deepEqual(await bo.wholeLog(), await ann.wholeLog());
    const cy = await SetWindow.open(windows, place);
    await cy.members(members);
    await cy.hasOps(count);
    await ann.page.locator('#rest').click();
    await ann.verdict('At work');
    for (let n = 0; n < 3; n++) await ann.page.locator('#fewer').click();
    await bo.page.locator('#people-count', { hasText: '3 people here' }).waitFor({ state: 'attached' });
  });

  it('[VW5] monkeys also lose their line by themselves, and come back', async () => {
    const ann = await SetWindow.open(windows, place);
    await ann.monkeys(8);
    assert(await ann.page.locator('#more').isDisabled());
    const away = ann.page.locator('#monkeys button[data-state="offline"]', { hasText: 'kept' });
    await away.first().waitFor();
    const name = ((await away.first().textContent()) ?? '').split(' ·')[0] ?? '';
    await ann.page.locator('#monkeys button:not([data-state="offline"])', { hasText: name }).waitFor();
    await ann.page.locator('#rest').click();
    await ann.verdict('All have the same members as you');
    await ann.members(await serverMembers());
  });

  it('[VW6] without a connection everything goes on; what was done arrives, also after a reload', async () => {
    const ann = await SetWindow.open(windows, place, { expected: OFFLINE });
    const bo = await SetWindow.open(windows, place);
    await ann.add('tea');
    await bo.members(['tea']);
    await ann.page.context().setOffline(true);
    await ann.state('Offline');
    await ann.add('bread');
    await ann.remove('tea');
    await ann.members(['bread']);
    await bo.add('salt');
    await ann.page.context().setOffline(false);
    for (const one of [ann, bo]) await one.members(['bread', 'salt']);
    const letThrough = await blockApi(ann.page);
    await ann.page.context().setOffline(true);
    await ann.state('Offline');
    await ann.add('pepper');
    await ann.members(['bread', 'pepper', 'salt']);
    await ann.page.context().setOffline(false);
    await ann.page.reload();
    letThrough();
    await ann.members(['bread', 'pepper', 'salt']);
    await bo.members(['bread', 'pepper', 'salt']);
    const count = 5;
    for (const one of [ann, bo]) await one.hasOps(count);
  });

  it('[VW7] a set that is deleted is empty, and a new one has a log of its own', async () => {
    const ann = await SetWindow.open(windows, place, { expected: [/404/] });
    await ann.add('tea');
    await ann.hasOps(1);
    assert.equal((await fetch(api, { method: 'DELETE' })).status, 204);
    await ann.members([]);
    await post([['add', 'bread']]);
    await ann.members(['bread']);
    await ann.hasOps(1);
    assert.deepEqual(await ann.wholeLog(), ['1 add bread']);
  });

  it('[VW8] what is done by hand counts, although the time of others is ahead, or one’s own is', async () => {
    await post([['add', 'tea', Date.now() + 50_000]]);
    const ann = await SetWindow.open(windows, place);
    await ann.remove('tea');
    await ann.page.locator('#lines li[data-verb="remove"]').waitFor();
    assert.deepEqual(await serverMembers(), []);
    await ann.page.evaluate(() => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + 3_600_000;
    });
    await ann.add('bread');
    await ann.hasOps(3);
    assert.deepEqual(await serverMembers(), ['bread']);
    await ann.remove('bread');
    await ann.hasOps(4);
    assert.deepEqual(await serverMembers(), []);
  });

  it('[VW9] what is no set is said to be none', async () => {
    await post([1], 'register');
    const page = await windows.open(place, { expected: [/409/] });
    // Seen for some seconds, which may be over; what was spoken stays.
    await page.locator('#spoken', { hasText: 'is no set' }).waitFor({ state: 'attached' });
    assert(await page.locator('#element').isDisabled());
  });

  it('[VW9] an element may be any text; what the server does not take is told', async () => {
    const markup = '<img src=x onerror=alert(1)>';
    await post([
      ['add', ''],
      ['add', markup],
      ['add', '  two\n lines '],
    ]);
    const ann = await SetWindow.open(windows, place);
    assert.deepEqual(await ann.shownMembers(), ['', '  two\n lines ', markup]);
    await ann.page.getByRole('button', { name: 'Remove the empty word' }).click();
    await ann.members(['  two\n lines ', markup]);
    await ann.add('x'.repeat(1_025));
    await ann.page.locator('.notice', { hasText: '1,024 bytes' }).waitFor();
    await ann.members(['  two\n lines ', markup]);
  });

  it('[VW12] the first page leads to a set of its space', async () => {
    const page = await windows.open(`${site.url}/#harbour`);
    await page.locator('#words').click();
    await page.waitForURL(`${site.url}/set/harbour/words`);
    await new SetWindow(page).state('Saved');
  });
});
