import assert from 'node:assert/strict';
import { type ConnectOptions, connect, RefusedError, type Space } from '../../src/client/connect.ts';
import type { Storage } from '../../src/client/storage.ts';
import { askAround, realTakeName } from '../../src/client/take-name.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { SPACE, TransportWorld, until } from '../support/transport-world.ts';
import { WELL } from './lossy-transport.ts';
import { Tab, Writer } from './text/documents.ts';
import { shown, World } from './world.ts';

/** Of one tab; a browser that duplicates the tab copies it. */
class TabStorage implements Storage {
  kept: string | undefined;

  constructor(kept?: string) {
    this.kept = kept;
  }

  load(): string | undefined {
    return this.kept;
  }

  save(text: string): void {
    this.kept = text;
  }
}

describe('two tabs with one copied storage', function () {
  this.timeout(30_000);
  let world: World;
  let server: TransportWorld;
  const spaces: Space[] = [];

  beforeEach(async () => {
    world = new World();
    server = new TransportWorld();
    await server.start();
  });
  afterEach(async () => {
    world.close();
    for (const space of spaces.splice(0)) space.close();
    await server.stop();
  });

  function open(storage: Storage, more: Partial<ConnectOptions> = {}): Space {
    const space = connect({ url: `http://127.0.0.1:${server.port}`, space: SPACE, storage, ...more });
    spaces.push(space);
    return space;
  }

  it('[SDK104] the second goes by a name of its own, and what was not sent arrives once, from the first', async () => {
    const storage = new TabStorage();
    const first = world.client({ storage });
    await world.pass(50);
    first.net.fate = (what) => (what === 'post' ? { kind: 'lostAnswer' } : WELL);
    const log = first.space.item('log', 'journal');
    const outcomes = [log.post({ add: 'sent' })];
    await world.pass(100);
    outcomes.push(log.post({ add: 'waiting' }));
    await world.pass(20);
    const copied = new TabStorage(storage.kept);
    const second = world.client({ storage: copied });
    assert.equal(await second.space.loaded(), false);
    await world.pass(2_000);
    assert.notEqual(second.space.clientId, first.space.clientId);
    assert.deepEqual([second.net.posts(), JSON.parse(copied.kept ?? '').waiting], [[], []]);
    first.net.fate = () => WELL;
    void second.space.item('log', 'journal').post({ add: 'of the second' });
    await world.until(() => first.space.item('log').saved, 'all is sent');
    assert.deepEqual(
      (await Promise.all(outcomes)).map(({ result }) => result),
      ['ok', 'ok'],
    );
    await world.pass(1_000);
    assert.deepEqual([...(world.server.value('log') as string[])].sort(), ['of the second', 'sent', 'waiting']);
    assert.deepEqual(shown(second.space, 'log'), world.server.value('log'));
  });

  it('[SDK104] the next life of either tab has its name, and what it has left', async () => {
    const storage = new TabStorage();
    const first = world.client({ storage });
    await world.pass(50);
    const copied = new TabStorage(
      storage.kept ?? JSON.stringify({ form: 1, clientId: first.space.clientId, nextSeq: 1, line: [], waiting: [] }),
    );
    const second = world.client({ storage: copied });
    await world.pass(50);
    second.net.down = true;
    void second.space.item('card').set('of the second');
    await world.pass(50);
    second.space.close();
    const third = world.client({ storage: copied });
    assert.equal(await third.space.loaded(), true);
    await world.pass(2_000);
    assert.deepEqual([third.space.clientId, world.server.value('card')], [second.space.clientId, 'of the second']);
  });

  it('[SDK104] a text that was not sent arrives once', async () => {
    const url = `http://127.0.0.1:${server.port}`;
    let isThere = true;
    const away: typeof fetch = (input, init) => (isThere ? fetch(input, init) : Promise.reject(new Error('away')));
    const tab = new Tab();
    const net = { fetch: away, webSocket: undefined };
    const first = await Writer.open(url, tab, net);
    spaces.push(first.space);
    await until(() => first.document.isThere);
    first.write(0, 'There. ');
    await until(() => first.document.isSynced);
    isThere = false;
    first.write(-1, 'Not sent.');
    await until(() => tab.area('space').load()?.includes('Not sent.') === true);
    const second = await Writer.open(url, tab.copy());
    spaces.push(second.space);
    await until(() => second.shown === 'There. ');
    second.write(0, 'Second. ');
    isThere = true;
    await until(() => first.document.isSynced && second.document.isSynced && first.shown === second.shown);
    assert.equal(first.shown, 'Second. There. Not sent.');
  });

  it('[SDK105] a name is free again when its space is closed, and waited for as long as that may take', async () => {
    const clock = new FakeClock();
    const [mine, theirs] = [new AbortController(), new AbortController()];
    assert.equal(await realTakeName('tab', clock, mine.signal), true);
    assert.equal(await realTakeName('another', clock, mine.signal), true);
    const late = realTakeName('tab', clock, theirs.signal);
    await settle();
    clock.advance(1_000);
    assert.equal(await late, false);
    const soon = realTakeName('tab', clock, theirs.signal);
    await settle();
    clock.advance(999);
    mine.abort();
    assert.equal(await soon, true);
    theirs.abort();
    assert.deepEqual([await realTakeName('tab', clock, theirs.signal), clock.waiting], [true, 0]);
    const last = new AbortController();
    assert.equal(await realTakeName('tab', clock, last.signal), true, 'who had closed before it asked keeps nothing');
    last.abort();
  });

  it('[SDK105] where there are no Web Locks, whoever has a name says so', async () => {
    const clock = new FakeClock();
    const [mine, theirs] = [new AbortController(), new AbortController()];
    const first = askAround('tab', clock, mine.signal);
    clock.advance(200);
    assert.equal(await first, true);
    assert.deepEqual([await askAround('tab', clock, theirs.signal), clock.waiting], [false, 0]);
    mine.abort();
    const second = askAround('tab', clock, theirs.signal);
    clock.advance(200);
    assert.equal(await second, true);
    theirs.abort();
  });

  it('[SDK106] where that is not known, one of them goes by another name as soon as they meet', async () => {
    const storage = new TabStorage();
    const takeName = async (): Promise<boolean> => true;
    const first = open(storage, { takeName, name: 'first' });
    await first.ready();
    await first.item('card').set(1);
    await until(() => storage.kept !== undefined);
    const name = first.clientId;
    const second = open(new TabStorage(storage.kept), { takeName, name: 'second' });
    await second.ready();
    await until(() => first.clientId !== second.clientId && first.status === 'live' && second.status === 'live');
    assert([first.clientId, second.clientId].includes(name));
    for (const [space, value] of [
      [first, 2],
      [second, 3],
      [first, 4],
    ] as const) {
      assert.equal((await space.item('card').set(value)).result, 'ok');
      await until(() => first.item('card').confirmed === value && second.item('card').confirmed === value);
    }
    await until(() => first.clients.length === 2 && second.clients.length === 2);
    assert.deepEqual([first.failure, second.failure], [undefined, undefined]);
  });

  it('[SDK106] whoever has joined a moment ago gives way before who is there for long, and neither for one request that came late', async () => {
    const joins = (clientId = '') => ({
      ...{ marker: 'e1:0', epoch: 'e1', upToDate: true, changesRemaining: 0, items: [] },
      ...{
        clientId,
        generation: 1,
        leaseMs: 30_000,
        nextSeq: 1,
        clients: [{ id: clientId, state: 'joined' as const }],
      },
    });
    const isRenamed = async (joinedMs: number, superseded: number): Promise<boolean> => {
      const { space, net } = world.client({}, (one) => Object.assign(one, { joins }));
      await world.pass(joinedMs, 100);
      const before = space.clientId;
      let left = superseded;
      net.fate = (what) =>
        what === 'next' && left-- > 0 ? { kind: 'refused', status: 409, code: 'superseded' } : WELL;
      void space.item('card').set(joinedMs + superseded);
      await world.pass(10_000, 50);
      assert.deepEqual([space.failure, space.status, left < 0], [undefined, 'live', true]);
      space.close();
      return space.clientId !== before;
    };
    assert.deepEqual([await isRenamed(1_000, 1), await isRenamed(1_000, 2)], [false, true]);
    assert.deepEqual([await isRenamed(40_000, 2), await isRenamed(40_000, 3)], [false, true]);
  });

  it('[SDK107] a name that belongs to somebody else is given up, and what the storage holds is sent', async () => {
    const storage = new TabStorage();
    const first = world.client({ storage });
    await world.pass(50);
    first.net.down = true;
    void first.space.item('card').set('left');
    await world.pass(50);
    first.space.close();
    const taken = first.space.clientId;
    const { space } = world.client({ storage }, (net) => {
      net.joins = (clientId = '') => {
        if (clientId === taken) throw new RefusedError(409, { code: 'clientIdTaken' }, undefined);
        return {
          ...{ marker: 'e1:0', epoch: 'e1', upToDate: true, changesRemaining: 0, items: [] },
          ...{ clientId, generation: 1, leaseMs: 30_000, nextSeq: 1, clients: [{ id: clientId, state: 'joined' }] },
        };
      };
    });
    await world.pass(2_000);
    assert.deepEqual([space.failure, space.status, world.server.value('card')], [undefined, 'live', 'left']);
    assert.notEqual(space.clientId, taken);
  });

  it('[SDK107] where there is no other name, the space is closed', async () => {
    const { space } = world.client({ id: () => 'ann' }, (net) => {
      net.joins = () => {
        throw new RefusedError(409, { code: 'clientIdTaken' }, undefined);
      };
    });
    await world.pass(100);
    assert.equal((space.failure as RefusedError).code, 'clientIdTaken');
  });
});
