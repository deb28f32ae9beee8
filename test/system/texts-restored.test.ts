import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Writer } from '../client/text/documents.ts';
import { Balancer } from './balancer.ts';
import { eventually, readItem } from './calls.ts';
import { Cluster } from './cluster.ts';
import { storedUntil } from './load.ts';

const PEOPLE = 10;

describe('texts after the death of memcached and all servers', function () {
  this.timeout(120_000);
  let cluster: Cluster | undefined;
  const writers: Writer[] = [];
  /** Nobody writes any more. */
  let isOver = false;

  beforeEach(() => {
    isOver = false;
  });
  afterEach(async function () {
    isOver = true;
    for (const writer of writers.splice(0)) writer.close();
    cluster?.explain(this.currentTest);
    await cluster?.stop();
    cluster = undefined;
  });

  async function open(servers: Cluster): Promise<Writer> {
    const writer = await Writer.open('http://balancer', undefined, {
      fetch: new Balancer(servers).fetch,
      webSocket: undefined,
    });
    writers.push(writer);
    await eventually('the text is there', async () => writer.document.isThere || undefined);
    return writer;
  }

  async function loseEverything(all: Cluster): Promise<void> {
    await killAll(all);
    await startAll(all);
  }

  const killAll = (all: Cluster) => Promise.all([all.memcached.kill(), all.killServers()]);

  async function startAll(all: Cluster): Promise<void> {
    await all.memcached.startAgain();
    await Promise.all([all.addServer(), all.addServer()]);
  }

  /** While they write. Again, where what they had heard of was stored just then. */
  async function loseWhatIsKnown(all: Cluster, writer: Writer): Promise<void> {
    for (let lost = false; !lost; ) {
      const storedVersion = async (): Promise<number> => (await all.row('board', 'text'))?.v ?? 0;
      await eventually('there is something that would be lost', async () => {
        return writer.document.version > (await storedVersion()) || undefined;
      });
      const known = writer.document.version;
      await killAll(all);
      lost = known > (await storedVersion());
      await startAll(all);
    }
  }

  it('[ED40] ten who go on writing bring everything back: every key is there once, for all', async function () {
    const all = await Cluster.start(this, { name: 'textsback', servers: 2, persistMs: 3_000 });
    cluster = all;
    const first = await open(all);
    const lines = Array.from({ length: PEOPLE }, (_, n) => `p${n}: `).join('\n');
    first.write(0, lines);
    await eventually('the lines are there', async () => first.document.isSynced || undefined);
    for (let n = 1; n < PEOPLE; n++) await open(all);
    await eventually('everybody has them', async () => writers.every(({ shown }) => shown === lines) || undefined);
    const joined = Math.max(...writers.map(({ document }) => document.version));
    const typed = writers.map(() => '');
    const type = async (writer: Writer, n: number): Promise<void> => {
      for (let key = 0; !isOver; key++) {
        const keys = `${key} `;
        writer.writeBehind(`p${n}: ${typed[n]}`, keys);
        typed[n] += keys;
        await sleep(100);
      }
    };
    const restored: string[] = [];
    for (const { space } of writers) space.on('restored', ({ result }) => restored.push(result.result));
    const typing = writers.map(type);
    const keysOf = (): number => typed.reduce((sum, one) => sum + one.length, 0);
    await eventually('they write', async () => keysOf() > 500 || undefined);
    await eventually('nothing is stored that somebody has not seen', async () => {
      return writers.every(({ document }) => document.durableVersion > joined) || undefined;
    });
    await loseWhatIsKnown(all, first);
    const then = keysOf();
    await eventually('it is brought back', async () => restored.includes('ok') || undefined, 60_000);
    await eventually('they write on', async () => keysOf() > then + 300 || undefined, 60_000);
    isOver = true;
    await Promise.all(typing);
    const whole = typed.map((keys, n) => `p${n}: ${keys}`).join('\n');
    await eventually(
      'all have the same',
      async () => writers.every(({ document, shown }) => document.isSynced && shown === whole) || undefined,
      60_000,
    ).catch((error) => {
      assert.deepEqual(writers[0]?.shown.split('\n'), whole.split('\n'));
      throw error;
    });
    const [server] = all.alive;
    assert(server);
    assert.equal((await readItem(server, 'board', 'text'))?.value, whole);
    assert.deepEqual(
      writers.flatMap(({ lost }) => lost),
      [],
    );
  });

  it('[ED42] whoever has come since the last storing waits for those who know every step, and shows what was there', async function () {
    const all = await Cluster.start(this, { name: 'textswait', servers: 1, persistMs: 60_000 });
    cluster = all;
    const first = await open(all);
    first.write(0, 'first: \nlate: ');
    await eventually('it is there', async () => first.document.isSynced || undefined);
    for (const word of ['one ', 'two ', 'three ']) {
      first.write(first.shown.indexOf('\n'), word);
      await eventually('it is there', async () => first.document.isSynced || undefined);
    }
    const late = await open(all);
    await eventually('it is seen', async () => late.shown === first.shown || undefined);
    late.write(-1, 'four');
    await eventually('it is there', async () => late.document.isSynced || undefined);
    await eventually('it is seen', async () => late.shown === first.shown || undefined);
    const before = late.shown;
    const seen = new Set<string>();
    late.document.on('change', () => queueMicrotask(() => seen.add(late.shown)));
    await loseEverything(all);
    late.write(-1, ', five');
    const whole = `${before}, five`;
    await eventually('all is back', async () => (first.shown === whole && late.document.isSynced) || undefined);
    assert.equal(late.shown, whole);
    assert.deepEqual(
      [...seen].filter((text) => !text.startsWith(before)),
      [],
    );
    assert.deepEqual([first.lost, late.lost], [[], []]);
  });

  it('[ED41] with nobody there the text goes back, by at most N and the lag that is shown', async function () {
    const all = await Cluster.start(this, { name: 'textsgone', servers: 2, persistMs: 1_000 });
    cluster = all;
    const writer = await open(all);
    /** When each length was acknowledged. */
    const acked = new Map<number, number>();
    const note = (): void => {
      const { length } = String(writer.space.item('text').confirmed ?? '');
      if (!acked.has(length)) acked.set(length, performance.now());
    };
    writer.document.on('saving', note);
    const typing = (async () => {
      for (let key = 0; !isOver; key++) {
        writer.write(-1, String(key % 10));
        await sleep(20);
      }
    })();
    const stored = await eventually('the store follows', async () => {
      const until = await storedUntil(all.alive);
      return [...acked.values()].filter((at) => at < until).length > 5 ? until : undefined;
    });
    const gone = killAll(all);
    isOver = true;
    writer.close();
    await Promise.all([gone, typing]);
    await all.memcached.startAgain();
    const server = await all.addServer();
    const found = await eventually('it is loaded', () => readItem(server, 'board', 'text').catch(() => undefined));
    const left = String(found.value).length;
    assert.equal(found.value, writer.shown.slice(0, left), 'the beginning of what was written');
    const lost = [...acked].filter(([length, at]) => length > left && at < stored);
    assert.deepEqual(lost, [], `${left} are left, older ones than the lag that was shown are gone`);
    assert(left < writer.shown.length, 'nothing was lost: the test has seen nothing');
  });
});
