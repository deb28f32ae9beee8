import assert from 'node:assert/strict';
import { TransportWorld, until } from '../../support/transport-world.ts';
import { Tab, Writer } from './documents.ts';

describe('texts of the client library', function () {
  this.timeout(30_000);
  let world: TransportWorld;
  let url = '';
  const writers: Writer[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
    url = `http://127.0.0.1:${world.port}`;
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.close();
    await world.stop();
  });

  const open = async (...more: Parameters<typeof Writer.open> extends [string, ...infer Rest] ? Rest : never) => {
    const writer = await Writer.open(url, ...more);
    writers.push(writer);
    return writer;
  };
  const onServer = async () => {
    const answer = await fetch(`${url}/v1/spaces/board/items/text`);
    return answer.ok ? ((await answer.json()) as string) : undefined;
  };
  const post = async (op: object) => {
    const answer = await fetch(`${url}/v1/spaces/board/updates`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ updates: [{ item: 'text', kind: 'text', op }] }),
    });
    const { results } = (await answer.json()) as { results: { result: string; version: number }[] };
    assert.equal(results[0]?.result, 'ok');
    return results[0].version;
  };
  const all = (value: string) =>
    until(() =>
      writers.every(({ document, shown }) => document.isSynced && `${document.shown}` === value && shown === value),
    );

  it('[ED1] makes a text that is not there, and several who write at different places end with one text', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    await until(() => a.document.isThere && b.document.isThere);
    a.write(0, 'one two');
    await all('one two');
    a.write(0, 'zero ');
    b.write(-1, ' three');
    a.write(0, '… ');
    await all('… zero one two three');
    assert.equal(await onServer(), '… zero one two three');
    assert.deepEqual([a.lost, b.lost], [[], []]);
  });

  it('[ED2] one request is on its way, what is written meanwhile goes together', async () => {
    await post({ create: { text: '' } });
    const sent: unknown[] = [];
    const { promise: kept, resolve: letGo } = Promise.withResolvers<void>();
    const send: typeof fetch = async (input, init) => {
      const body = init?.body === undefined ? undefined : JSON.parse(String(init.body));
      if (body?.updates) sent.push(body.updates[0].op);
      if (sent.length === 1 && body?.updates) await kept;
      return fetch(input, init);
    };
    const a = await open(new Tab(), { fetch: send, webSocket: undefined });
    await until(() => a.document.isThere);
    a.write(0, 'a');
    await until(() => sent.length === 1);
    for (const key of 'bcd') a.write(-1, key);
    letGo();
    await all('abcd');
    assert.deepEqual(sent, [
      { base: 1, edits: [[0, 0, 'a']] },
      { base: 2, edits: [[1, 0, 'bcd']] },
    ]);
  });

  it('[ED3] what is refused is taken back, told with what was in the way, and nothing of it stays', async () => {
    await post({ create: { text: 'Tomorrow ' } });
    const { promise: deaf, resolve: hear } = Promise.withResolvers<void>();
    let isDeaf = false;
    const slow: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init);
      if (isDeaf) await deaf;
      return answer;
    };
    const a = await open();
    const b = await open(new Tab(), { fetch: slow, webSocket: undefined, transport: 'longPoll' });
    await until(() => a.document.isThere && b.document.isThere && b.space.status === 'live');
    isDeaf = true;
    a.write(-1, 'rain');
    await until(() => a.document.isSynced);
    b.write(-1, 'sun');
    b.write(-1, ', all day');
    hear();
    await all('Tomorrow rain');
    assert.deepEqual(b.lost, ['sun, all day']);
    assert.deepEqual(b.refused[0]?.ranges.map(({ from, to }) => [from, to])[0], [9, 13]);
    assert.deepEqual([a.lost, await onServer()], [[], 'Tomorrow rain']);
  });

  it('[ED12] what is refused for the sake of a reservation says whose it is; what is written elsewhere goes on', async () => {
    world.settings = { ...world.settings, textReservations: true };
    let version = await post({ create: { text: 'here and there' } });
    const a = await open();
    await until(() => a.document.isThere);
    for (let seq = 1; seq <= 3; seq++) {
      const update = { item: 'text', op: { base: version, edits: [[4, 0, 's']] } };
      version = await post({ base: version, edits: [[4, 0, '.']] });
      await fetch(`${url}/v1/spaces/board/updates`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ clientId: 'slow', seq, updates: [update] }),
      });
    }
    await all('here... and there');
    a.write(4, 'a');
    await until(() => a.refused.length > 0);
    const [{ lost, ranges, reserved } = { lost: [], ranges: [] }] = a.refused;
    assert.deepEqual(lost, [{ at: 4, text: 'a' }]);
    assert.deepEqual(
      ranges.map(({ from, to }) => [from, to]),
      [[4, 5]],
    );
    assert.ok(reserved?.holder === 'slow' && reserved.ttlMs > 0 && reserved.ttlMs <= 2_000);
    a.write(-1, '!');
    await all('here... and there!');
    assert.equal(await onServer(), 'here... and there!');
  });

  it('[ED4] what was not acknowledged is there again in the next life of the page, and arrives once', async () => {
    await post({ create: { text: 'x\ny' } });
    const tab = new Tab();
    let down = false;
    let deaf = false;
    const bad: typeof fetch = async (input, init) => {
      if (down) throw new TypeError('no network');
      const answer = await fetch(input, init);
      if (deaf && String(input).endsWith('/updates')) throw new TypeError('the answer was lost');
      return answer;
    };
    const net = { fetch: bad, webSocket: undefined };
    const first = await open(tab, net);
    await until(() => first.document.isThere);
    deaf = true;
    first.write(1, 'arrived, and not answered. ');
    while ((await onServer()) !== 'xarrived, and not answered. \ny') await new Promise(setImmediate);
    down = true;
    first.write(-1, 'not sent');
    const shown = 'xarrived, and not answered. \nynot sent';
    assert.equal(first.shown, shown);
    writers.pop()?.close();
    const second = await open(tab, net);
    assert.equal(second.shown, shown);
    second.write(-1, '; nor this');
    writers.pop()?.close();
    const third = await open(tab, net);
    assert.equal(third.shown, `${shown}; nor this`);
    await post({ base: 2, edits: [[0, 0, 'somebody else: ']] });
    [down, deaf] = [false, false];
    await all(`somebody else: ${shown}; nor this`);
    assert.equal(await onServer(), `somebody else: ${shown}; nor this`);
    assert.deepEqual([third.lost, tab.isEmpty], [[], true]);
  });

  it('[ED5] the loss of the cache takes nothing, and what was written meanwhile follows', async () => {
    const [a, b, c] = [await open(), await open(), await open()];
    await until(() => a.document.isThere && b.document.isThere && c.document.isThere);
    a.write(0, 'a: \nb: \nc: ');
    await all('a: \nb: \nc: ');
    for (const word of ['one ', 'two ', 'three ']) {
      a.writeBehind(`a: ${a.shown.slice(3, a.shown.indexOf('\n'))}`, word);
      b.writeBehind(`b: ${b.shown.split('\n')[1]?.slice(3)}`, word);
      await until(() => a.document.isSynced && b.document.isSynced);
    }
    const before = 'a: one two three \nb: one two three \nc: ';
    await all(before);
    a.close();
    writers.shift();
    world.restartCache();
    c.write(-1, 'meanwhile');
    await all(`${before}meanwhile`);
    assert.equal(await onServer(), `${before}meanwhile`);
    assert.deepEqual([b.lost, c.lost], [[], []]);
  });

  it('[ED6] a text that was deleted is empty, and may be written anew', async () => {
    await post({ create: { text: 'old' } });
    const [a, b] = [await open(), await open()];
    await until(() => a.shown === 'old' && b.shown === 'old');
    await post({ delete: true });
    await all('');
    a.write(0, 'new');
    await all('new');
    b.write(-1, 'er');
    await all('newer');
    assert.equal(await onServer(), 'newer');
  });

  for (const first of ['answer', 'news'] as const) {
    it(`[ED44] what was written in a text that was deleted and made anew goes on, the ${first} first`, async () => {
      await post({ create: { text: 'old' } });
      const [sent, deleted, answered, told] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
      assert(sent && deleted && answered && told);
      let isHeld = false;
      let isDown = false;
      const bad: typeof fetch = async (input, init) => {
        const isPost = init?.method === 'POST' && String(input).endsWith('/updates');
        const holds = isPost && isHeld;
        if (holds) {
          sent.resolve();
          await deleted.promise;
        }
        const answer = await fetch(input, init);
        if (holds) {
          answered.resolve();
          await told.promise;
        }
        if (!isPost && isDown) throw new TypeError('no network');
        return answer;
      };
      const a = await open(new Tab(), { fetch: bad, transport: 'longPoll' });
      await until(() => a.shown === 'old');
      isHeld = true;
      a.write(-1, ' and mine');
      await sent.promise;
      isDown = true;
      await post({ delete: true });
      deleted.resolve();
      await answered.promise;
      await post({ create: { text: 'new' } });
      isHeld = false;
      const item = a.space.item('text', 'text');
      if (first === 'answer') {
        told.resolve();
        await until(() => item.unanswered === undefined);
      }
      isDown = false;
      await until(() => item.confirmed === 'new');
      told.resolve();
      await until(() => a.document.isSynced);
      assert.deepEqual([a.shown, a.lost], ['new', [' and mine']]);
      a.write(-1, 'er');
      await all('newer');
      assert.equal(await onServer(), 'newer');
    });
  }

  it('[ED7] whoever comes back after more than is remembered keeps what they wrote, where it is in nobody’s way', async () => {
    await post({ create: { text: 'first\nlast' } });
    let down = false;
    const told: string[] = [];
    const bad: typeof fetch = async (input, init) => {
      if (down) throw new TypeError('no network');
      const answer = await fetch(input, init);
      if (init?.method === 'POST') told.push(await answer.clone().text());
      return answer;
    };
    const a = await open(new Tab(), { fetch: bad, webSocket: undefined });
    await until(() => a.shown === 'first\nlast');
    down = true;
    a.write(-1, ' of all');
    let version = await post({ base: 1, edits: [[0, 0, 'A']] });
    for (let n = 0; n < 40; n++) {
      version = await post({ base: version, edits: [[0, 0, 'some kilobytes '.repeat(300)]] });
      version = await post({ base: version, edits: [[0, 4_500, '']] });
    }
    down = false;
    await all('Afirst\nlast of all');
    assert.equal(await onServer(), 'Afirst\nlast of all');
    assert.deepEqual(a.lost, []);
    assert(
      told.some((one) => one.includes('"resync"')),
      'its base was forgotten',
    );
  });

  it('[ED45] where an answer had no room for the text, what was written goes on upon the text as the poll or the next answer tells it', async () => {
    await post({ create: { text: 'first\nlast' } });
    let down = false;
    let left = 3;
    const bad: typeof fetch = async (input, init) => {
      if (down) throw new TypeError('no network');
      const answer = await fetch(input, init);
      if (init?.method !== 'POST' || !answer.ok) return answer;
      const told = (await answer.json()) as { results?: { result: string; value?: string }[] };
      for (const result of told.results ?? []) if (result.result === 'resync' && left-- > 0) delete result.value;
      return Response.json(told, { status: answer.status });
    };
    const a = await open(new Tab(), { fetch: bad, webSocket: undefined });
    await until(() => a.shown === 'first\nlast');
    down = true;
    a.write(-1, ' of all');
    let version = await post({ base: 1, edits: [[0, 0, 'A']] });
    for (let n = 0; n < 40; n++) {
      version = await post({ base: version, edits: [[0, 0, 'some kilobytes '.repeat(300)]] });
      version = await post({ base: version, edits: [[0, 4_500, '']] });
    }
    down = false;
    await all('Afirst\nlast of all');
    assert.equal(await onServer(), 'Afirst\nlast of all');
    assert.deepEqual(a.lost, []);
    assert.ok(left < 3, 'an answer without the text came');
  });

  it('[ED11] a storage that takes nothing is told, and keeps nobody from writing', async () => {
    await post({ create: { text: '' } });
    const tab = new Tab();
    const a = await open(tab);
    await until(() => a.document.isThere);
    const told: unknown[] = [];
    a.document.on('unkept', (error) => told.push(error));
    tab.isFull = true;
    a.write(0, 'written all the same');
    await all('written all the same');
    assert(told.length > 0 && told.every((error) => error instanceof Error));
  });
});
