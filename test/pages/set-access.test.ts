import assert from 'node:assert/strict';
import { takePicture } from '../support/browser.ts';
import { contrasts, namelessControls } from './page-checks.ts';
import { PageSuite, TOKENS } from './page-suite.ts';
import { SetWindow } from './set-window.ts';

describe('the page of a set for everybody', function () {
  const site = new PageSuite(this, TOKENS);
  const { windows } = site;

  const address = async (item: string, rights = 'rw'): Promise<string> => {
    const token = await site.token(rights);
    return `${site.url}/set/demo/${item}#token=${token}`;
  };

  it('[VW11] every control has a name and can be reached by keys, in light and dark', async () => {
    const ann = await SetWindow.open(windows, await address('looks', 'rwa'));
    const { page } = ann;
    // Nothing that a monkey would take out.
    for (const word of ['bread', 'salt', 'tea']) await ann.add(word);
    await ann.members(['bread', 'salt', 'tea']);
    await ann.monkeys(2);
    await page.locator('#rest').click();
    await ann.verdict('All have the same members as you');
    assert.deepEqual(await namelessControls(page), []);
    assert.equal(await page.locator('h1').textContent(), 'looks');
    // The field, each member, the monkeys, the log: in this order.
    await page.locator('#element').focus();
    const reached: string[] = [];
    for (let n = 0; n < 40 && reached.at(-1) !== 'log'; n++) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(
          () => document.activeElement?.id || document.activeElement?.getAttribute('aria-label') || '',
        ),
      );
    }
    assert.deepEqual(reached.at(-1), 'log');
    for (const one of ['Remove bread', 'Remove salt', 'fewer', 'more', 'rest']) assert(reached.includes(one), one);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const pairs = (await contrasts(page)).filter(({ pair }) => !pair.includes('--card')); // the board's alone
      assert(pairs.length > 20);
      for (const { pair, ratio, least } of pairs) assert(ratio >= least, `${pair} ${colorScheme}`);
      await takePicture(page, `set-${colorScheme}`);
    }
  });

  it('[VW11] who removes with keys stays at the members', async () => {
    const ann = await SetWindow.open(windows, await address('keys', 'rwa'));
    for (const word of ['a', 'b', 'c']) await ann.add(word);
    await ann.members(['a', 'b', 'c']);
    const focused = () =>
      ann.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id);
    await ann.page.getByRole('button', { name: 'Remove b', exact: true }).focus();
    const seen: unknown[] = [];
    for (const left of [['a', 'c'], ['a'], []]) {
      await ann.page.keyboard.press('Enter');
      await ann.members(left);
      seen.push(await focused());
    }
    assert.deepEqual(seen, ['Remove c', 'Remove a', 'element']);
  });

  it('[VW11] 320 px are wide enough, and a finger is', async () => {
    const phone = {
      viewport: { width: 320, height: 640 },
      hasTouch: true,
      isMobile: true,
      reducedMotion: 'reduce',
    } as const;
    const ann = await SetWindow.open(windows, await address('phone', 'rwa'), phone);
    const { page } = ann;
    for (const word of ['bread', 'a member with a name that is longer than the window of a phone is wide', 'salt'])
      await ann.add(word);
    for (let n = 0; n < 3; n++) await page.locator('#more').tap();
    await page.getByRole('button', { name: 'Remove bread', exact: true }).tap();
    await page.locator('#lines li', { hasText: 'bread' }).nth(1).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    const wrong = await page.evaluate(() =>
      [...document.querySelectorAll('button, summary, input')]
        .filter((one) => one.checkVisibility() && !one.closest('#monkeys'))
        .map((one) => ({ id: one.id, box: one.getBoundingClientRect() }))
        .filter(({ box }) => box.right > innerWidth || box.left < 0 || box.height < 40)
        .map(({ id, box }) => `${id} ${box.left} ${box.right} ${box.height}`),
    );
    assert.deepEqual(wrong, []);
    await takePicture(page, 'set-phone');
  });

  it('[VW10] whoever may only read sees everything, and is told so when they add or send monkeys', async () => {
    const ann = await SetWindow.open(windows, await address('letter', 'rwa'));
    await ann.add('tea');
    await ann.hasOps(1);
    const bo = await SetWindow.open(windows, await address('letter', 'r'), { expected: [/403/] });
    await bo.members(['tea']);
    await bo.hasOps(1);
    const told = bo.page.locator('.notice', { hasText: 'You may look at this set, but not change it.' });
    await bo.add('bread');
    await told.waitFor();
    await bo.members(['tea']);
    await told.waitFor({ state: 'detached' });
    await Promise.all([told.waitFor(), bo.monkeys(2)]);
    await bo.verdict('Simulated people');
    assert.equal(await bo.page.locator('#monkeys li').count(), 0);
    await ann.members(['tea']);
  });

  it('[VW10] a token is asked for, and is in no address', async () => {
    const page = await windows.open(`${site.url}/set/demo/letter`, { expected: [/401/] });
    const urls: string[] = [];
    page.on('request', (request) => urls.push(request.url()));
    const token = (await address('letter')).split('#token=')[1] ?? '';
    await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
    await page.locator('#token').fill(token);
    await page.getByRole('button', { name: 'Open the set' }).click();
    const bo = new SetWindow(page);
    await bo.members(['tea']);
    await bo.hasOps(1);
    assert.deepEqual(
      urls.filter((one) => one.includes(token.slice(0, 20))),
      [],
    );
  });
});
