import assert from 'node:assert/strict';
import { createMemoryStore } from '../../../src/backends/store/memory.ts';
import { systemClock } from '../../../src/server/system.ts';
import { Seeded } from '../../simulation/seeded.ts';
import { TransportWorld, until } from '../../support/transport-world.ts';
import { Writer } from './documents.ts';

const PEOPLE = 3;
const LIVES = 3;
/** Until everything is back, or never will be: those who know less wait 3 s for the others. */
const BACK_MS = 30_000;
/** Nothing is stored but what has to be. */
const NEVER = { persistMs: 600_000 };

const cellOf = (life: number, writer: number): string => `${life}${writer}:`;
const cells = Array.from({ length: LIVES * PEOPLE }, (_, i) => cellOf(Math.floor(i / PEOPLE), i % PEOPLE));

/** Somebody without the library, who knows nothing of what was lost: writes into the text as it is. */
async function writeFromOutside(base: string, key: string): Promise<boolean> {
  const found = await fetch(`${base}/v1/spaces/board/items/text`).catch(() => undefined);
  if (!found?.ok) return false;
  const text = (await found.json()) as string;
  const version = Number(found.headers.get('etag')?.replaceAll('"', ''));
  const op = { base: version, edits: [[text.length - 1, 0, key]] };
  const body = JSON.stringify({ updates: [{ item: 'text', op }] });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${base}/v1/spaces/board/updates`, { method: 'POST', headers, body }).catch(
    () => undefined,
  );
  const { results } = answer?.ok ? ((await answer.json()) as { results: { result: string }[] }) : { results: [] };
  return results[0]?.result === 'ok';
}

describe('texts after two losses of everything in quick succession', function () {
  this.timeout(90_000);
  const store = () => createMemoryStore();
  let world: TransportWorld | undefined;
  const writers: Writer[] = [];

  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.close();
    await world?.stop();
    world = undefined;
  });

  for (const seed of [1, 2, 3]) {
    it(`[ED43] who goes on writing brings back what each of them took: every key is there once, seed ${seed}`, async () => {
      const random = new Seeded(seed);
      const kept = store();
      const first = new TransportWorld(kept, NEVER);
      world = first;
      await first.start();
      const { port } = first;
      const op = { create: { text: `${cells.map((cell) => `[${cell}]`).join('')}{}` } };
      await first.engine.update('board' as never, { item: 'text', kind: 'text', op }, { subject: 'writer' });
      let life = 0;
      const url = `http://127.0.0.1:${port}`;
      // In their second life some can send nothing: a loss comes before they have made the first one good.
      const blocked = Array.from({ length: PEOPLE }, (_, n) => n === seed % PEOPLE || random.chance(0.7));
      for (let n = 0; n < PEOPLE; n++) {
        const send: typeof fetch = (input, init) =>
          life === 1 && blocked[n] && init?.method === 'POST' && String(input).endsWith('/updates')
            ? Promise.reject(new TypeError('nothing gets through'))
            : fetch(input, init);
        // Tries again after tens of milliseconds, not seconds.
        const net = { fetch: send, webSocket: undefined, fraction: () => 0 };
        writers.push(await Writer.open(url, undefined, net));
      }
      await until(() => writers.every(({ document, space }) => document.isThere && space.status === 'live'));
      const typed = new Map<string, string>();
      let key = 0;
      const type = (n: number): void => {
        const writer = writers[n];
        const cell = cellOf(life, n);
        const before = `[${cell}${typed.get(cell) ?? ''}`;
        if (!writer?.shown.includes(before)) return; // this part of it is on its way back
        const char = String.fromCharCode(0x4e00 + key++);
        writer.writeBehind(before, char);
        typed.set(cell, (typed.get(cell) ?? '') + char);
      };
      const typeFor = async (ms: number): Promise<void> => {
        // As often on a machine that stalls.
        for (let left = ms; left > 0; ) {
          type(random.int(PEOPLE));
          const pause = random.int(30);
          left -= pause + 1;
          await systemClock.sleep(pause);
        }
      };
      await typeFor(600);
      for (life = 1; life < LIVES; life++) {
        const dead = world;
        await dead.kill();
        world = new TransportWorld(kept, NEVER);
        await world.start(port);
        void dead.stop().catch(() => undefined);
        if (life === 1) while (!(await writeFromOutside(url, '!'))) await systemClock.sleep(20);
        await typeFor(life === 1 ? random.int(1_000) : 1_000);
      }
      const all = `${cells.map((cell) => `[${cell}${typed.get(cell) ?? ''}]`).join('')}{!}`;
      const isBack = () => writers.every(({ document, shown }) => document.isSynced && shown === all);
      const end = systemClock.now() + BACK_MS;
      await until(() => isBack() || systemClock.now() > end);
      assert.deepEqual([...new Set(writers.map(({ shown }) => shown))], [all]);
      assert.deepEqual(
        writers.flatMap(({ lost }) => lost),
        [],
      );
      assert.ok(key > 20, `${key} keys`);
    });
  }
});
