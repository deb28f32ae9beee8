import type { Page } from 'playwright-core';

/** Controls that a screen reader would have no name for. */
export function namelessControls(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const nameOf = (one: Element): string => {
      const labels =
        one instanceof HTMLInputElement || one instanceof HTMLTextAreaElement ? [...(one.labels ?? [])] : [];
      const images = [...one.querySelectorAll('img')].map(({ alt }) => alt);
      const said = [one.getAttribute('aria-label'), ...labels.map(({ textContent }) => textContent), ...images];
      return [...said, one.textContent].join('').trim();
    };
    const controls = document.querySelectorAll('button, a, input, textarea, summary, dialog, [tabindex], [role]');
    return [...controls]
      .filter((one) => nameOf(one) === '' && one.id !== 'notices')
      .map((one) => one.outerHTML.slice(0, 90));
  });
}

export type Contrast = { readonly pair: string; readonly ratio: number; readonly least: number };

/** Contrasts (WCAG 2.2) of the colours of the theme as the browser computes them: 4.5 for text, 3 for outlines. */
export function contrasts(page: Page): Promise<readonly Contrast[]> {
  return page.evaluate(() => {
    const luminance = (color: string): number => {
      const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
        const share = Number(part) / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const compare = (text: string, ground: string, least: number, data: Record<string, string> = {}) => {
      const probe = document.createElement('i');
      Object.assign(probe.dataset, data);
      probe.style.color = `var(${text})`;
      probe.style.backgroundColor = `var(${ground})`;
      document.body.append(probe);
      const { color, backgroundColor } = getComputedStyle(probe);
      probe.remove();
      const [a, b] = [luminance(color), luminance(backgroundColor)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return { pair: `${text} on ${ground} ${Object.values(data)}`, ratio, least };
    };
    const plain = [
      ['--ink', '--ground'],
      ['--ink', '--sheet'],
      ['--soft', '--sheet'],
      ['--soft', '--ground'],
      ['--on-sea', '--sea'],
      ['--bad', '--sheet'],
      ['--sheet', '--ink'],
    ] as const;
    const colors = ['paper', 'sun', 'coral', 'kelp', 'sea', 'dusk'];
    const hues = Array.from({ length: 8 }, (_, hue) => String(hue));
    return [
      ...plain.map(([text, ground]) => compare(text, ground, 4.5)),
      ...colors.map((color) => compare('--ink', '--card', 4.5, { color })),
      ...hues.map((hue) => compare('--on-hue', '--hue', 4.5, { hue })),
      ...hues.map((hue) => compare('--hue', '--ground', 3, { hue })),
      compare('--sea', '--ground', 3),
      compare('--good', '--sheet', 3),
      compare('--busy', '--sheet', 3),
    ];
  });
}

/** One finger, from the middle of what is named. */
export async function touchDrag(
  page: Page,
  selector: string,
  by: { readonly x: number; readonly y: number },
): Promise<void> {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`${selector} is not seen`);
  const session = await page.context().newCDPSession(page);
  const at = (part: number) => [{ x: box.x + box.width / 2 + by.x * part, y: box.y + box.height / 2 + by.y * part }];
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
  for (let step = 1; step <= 10; step++) {
    await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(step / 10) });
  }
  // The finger comes to rest: after a fling the browser takes the next tap for a wish to stop it.
  for (let rest = 0; rest < 10; rest++) {
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(1) });
  }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}
