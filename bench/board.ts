import { chromium, type Page } from 'playwright-core';
import { stopAll } from './host/processes.ts';
import { removeFolders, startLongshore } from './host/servers.ts';

/*
 * `node bench/board.ts [--quick]`: how long it takes until a card that is dragged in one window of the board begins to move in another, in real Chromium, everything
 * on this machine. From the event of the pointer to the first frame that draws the card elsewhere; each step comes when the one before has been seen.
 */

const STEPS = process.argv.includes('--quick') ? 20 : 200;
const CHROMIUM = process.env.LONGSHORE_TEST_CHROMIUM ?? '/usr/bin/chromium';
const CARD = '[data-card="card"]';

type Watched = { at?: number };

async function putCard(url: string): Promise<void> {
  const body = JSON.stringify({ updates: [{ item: 'card', op: { set: { text: 'Milk', x: 100, y: 100 } } }] });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${url}/v1/spaces/bench/updates`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`the card was refused: ${answer.status}`);
}

/** Both pages tell time of the same clock. */
function noteNextMove(page: Page): Promise<void> {
  return page.evaluate((card) => {
    const watched = globalThis as unknown as Watched;
    delete watched.at;
    const element = document.querySelector(card);
    if (!element) throw new Error('there is no card');
    const observer = new MutationObserver(() => {
      observer.disconnect();
      watched.at = performance.timeOrigin + performance.now();
    });
    observer.observe(element, { attributes: true, attributeFilter: ['style'] });
  }, CARD);
}

async function timeOfMove(page: Page): Promise<number> {
  const seen = await page.waitForFunction(() => (globalThis as unknown as Watched).at);
  return (await seen.jsonValue()) ?? 0;
}

/** The card stands in both where it was dragged to. */
async function comeToRest(drags: Page, watches: Page): Promise<void> {
  const place = await drags.locator(CARD).evaluate((card) => (card as HTMLElement).style.transform);
  await watches.waitForFunction(([card, at]) => document.querySelector<HTMLElement>(card)?.style.transform === at, [
    CARD,
    place,
  ] as const);
}

async function measure(url: string): Promise<number[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--disable-dev-shm-usage'] });
  try {
    const [drags, watches] = [await browser.newPage(), await browser.newPage()];
    for (const page of [drags, watches]) {
      await page.goto(`${url}/board/bench`);
      await page.locator('#state', { hasText: 'Saved' }).waitFor();
      await page.locator(CARD).waitFor();
    }
    await drags.evaluate(() => {
      const moved = globalThis as unknown as Watched;
      const note = ({ timeStamp }: Event) => {
        moved.at = performance.timeOrigin + timeStamp;
      };
      document.addEventListener('pointermove', note, { capture: true });
    });
    const box = await drags.locator(CARD).boundingBox();
    if (!box) throw new Error('the card is not seen');
    await drags.mouse.move(box.x + 20, box.y + 20);
    await drags.mouse.down();
    const times: number[] = [];
    for (let step = 1; step <= STEPS; step++) {
      await noteNextMove(watches);
      await drags.mouse.move(box.x + 20 + (step % 2) * 80 + 20, box.y + 20);
      times.push((await timeOfMove(watches)) - (await timeOfMove(drags)));
      await comeToRest(drags, watches);
    }
    await drags.mouse.up();
    return times;
  } finally {
    await browser.close();
  }
}

const server = await startLongshore({});
try {
  const { port } = server.target;
  const url = `http://127.0.0.1:${port}`;
  await putCard(url);
  const times = (await measure(url)).sort((a, b) => a - b);
  const at = (share: number) => (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(0);
  console.log(`a card moves in the other window after: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${times.length} steps)`);
} finally {
  await server.stop();
  await stopAll();
  removeFolders();
}
