import assert from 'node:assert/strict';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { Seeded } from '../simulation/seeded.ts';
import type { Ask, Outcome, Transport, Watch } from '../support/transport-clients.ts';
import { TransportWorld, until } from '../support/transport-world.ts';

type Known = { readonly version: number; readonly value: unknown };

/** What one client has been told. Holds the delivery contract against every answer. */
export class Replica {
  readonly items = new Map<string, Known>();
  marker: string | undefined;
  answers = 0;
  resets = 0;

  take({ marker, items, mustReset }: GetUpdatesResponse): void {
    this.answers++;
    if (mustReset !== undefined) {
      this.resets++;
      this.items.clear();
    }
    for (const item of items) {
      const value = 'value' in item ? item.value : undefined;
      const held = this.items.get(item.id);
      if (held !== undefined && item.version <= held.version) {
        assert.deepEqual([item.version, value], [held.version, held.value], `${item.id}: only repeats may come again`);
      }
      this.items.set(item.id, { version: item.version, value });
    }
    this.marker = marker;
  }

  valueOf(id: string): unknown {
    return this.items.get(id)?.value;
  }
}

export function mustAnswer(outcome: Outcome): GetUpdatesResponse {
  if (!('answer' in outcome)) throw new Error(`no answer: ${JSON.stringify(outcome)}`);
  return outcome.answer;
}

/** What every transport owes to whoever watches a space. The same scenarios, whatever carries them. */
export function transportContract(transport: Transport): void {
  let world: TransportWorld;
  const watches: Watch[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.cut();
    await world.stop();
  });

  const open = (ask: Ask = {}): Watch => {
    const watch = transport.open(world.port, ask);
    watches.push(watch);
    return watch;
  };
  const readUntil = async (watch: Watch, replica: Replica, holds: () => boolean): Promise<void> => {
    while (!holds()) replica.take(mustAnswer(await watch.next()));
  };

  it('[TR1] begins with a snapshot, then tells each change in order until the newest', async () => {
    await world.post('a', 'first');
    const replica = new Replica();
    const watch = open();
    replica.take(mustAnswer(await watch.next()));
    assert.equal(replica.valueOf('a'), 'first');
    const posting = (async () => {
      for (let i = 1; i <= 300; i++) await world.post(i % 3 === 0 ? 'b' : 'a', i);
    })();
    await readUntil(watch, replica, () => replica.valueOf('a') === 299 && replica.valueOf('b') === 300);
    await posting;
    await world.remove('b');
    await readUntil(watch, replica, () => replica.valueOf('b') === undefined);
  });

  it('[TR2] loses nothing when the connection is cut at any point and resumed by the last marker', async () => {
    const random = new Seeded(20);
    const replica = new Replica();
    let done = false;
    let connections = 0;
    const newest = new Map<string, number>();
    const posting = (async () => {
      // Longer on a machine that posts faster than it connects.
      for (let i = 0; i < 400 || connections <= 5; i++) {
        const item = `i${random.int(12)}`;
        await world.post(item, i);
        newest.set(item, i);
        if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      done = true;
    })();
    const isComplete = () => done && [...newest].every(([item, value]) => replica.valueOf(item) === value);
    while (!isComplete()) {
      const watch = transport.open(world.port, replica.marker === undefined ? {} : { marker: replica.marker });
      connections++;
      // Cut after this many answers; what is under way then is lost with the connection.
      for (let left = random.int(4); left >= 0 && !isComplete(); left--) replica.take(mustAnswer(await watch.next()));
      watch.cut();
    }
    await posting;
    assert.equal(replica.resets, 0);
    await until(() => world.parked === 0);
  });

  it('[TR3] goes on from a marker: what changed meanwhile comes, and nothing else', async () => {
    await world.post('a', 1);
    await world.post('b', 1);
    const first = open();
    const { marker } = mustAnswer(await first.next());
    first.cut();
    await world.post('b', 2);
    const { items } = mustAnswer(await open({ marker }).next());
    assert.deepEqual(
      items.map((item) => [item.id, 'value' in item && item.value]),
      [['b', 2]],
    );
  });

  it('[TR3] from `now` only what comes is told', async () => {
    await world.post('a', 1);
    const watch = open({ marker: 'now' });
    const next = watch.next();
    await until(() => world.parked === 1);
    await world.post('b', 1);
    assert.deepEqual(
      mustAnswer(await next).items.map(({ id }) => id),
      ['b'],
    );
  });

  it('[TR4] filters and pages as GetUpdates does', async () => {
    for (const id of ['card-1', 'card-2', 'card-3', 'other']) await world.post(id, 1);
    const watch = open({ ids: ['card-*'], limit: 2 });
    const pages = [mustAnswer(await watch.next()), mustAnswer(await watch.next())];
    assert.deepEqual(
      pages.map(({ items, upToDate }) => [items.map(({ id }) => id), upToDate]),
      [
        [['card-1', 'card-2'], false],
        [['card-3'], true],
      ],
    );
    const next = watch.next();
    await until(() => world.parked === 1);
    await world.post('other', 2);
    await world.post('card-2', 2);
    assert.deepEqual(
      mustAnswer(await next).items.map(({ id }) => id),
      ['card-2'],
    );
  });

  it('[TR4] a marker of another filter, and one that is none, is refused with the code of GetUpdates', async () => {
    const { marker } = mustAnswer(await open({ ids: ['a'] }).next());
    const outcomes = [await open({ marker }).next(), await open({ marker: 'nonsense' }).next()];
    assert.deepEqual(
      outcomes.map((outcome) => 'problem' in outcome && [outcome.problem.status, outcome.problem.code]),
      [
        [400, 'filterChanged'],
        [400, 'badMarker'],
      ],
    );
  });

  it('[TR5] a lost cache is told to whoever is connected, and the watch goes on', async () => {
    await world.post('a', 1, { release: true });
    const replica = new Replica();
    const watch = open();
    replica.take(mustAnswer(await watch.next()));
    world.restartCache();
    await world.post('b', 2);
    await readUntil(watch, replica, () => replica.resets === 1 && replica.valueOf('b') === 2);
    assert.equal(replica.valueOf('a'), 1);
    await world.post('a', 3);
    await readUntil(watch, replica, () => replica.valueOf('a') === 3);
    assert.equal(replica.resets, 1);
  });

  it('[TR6] whose right was taken back meanwhile is told so, and has nothing of the answer', async () => {
    const watch = open();
    mustAnswer(await watch.next());
    const next = watch.next();
    await until(() => world.parked === 1);
    world.revoke();
    await world.post('secret', 1);
    const outcome = await next;
    assert.ok('problem' in outcome, JSON.stringify(outcome));
    assert.deepEqual([outcome.problem.status, outcome.problem.code], [403, 'forbidden']);
    if (transport.streams) assert.deepEqual(await watch.next(), { ended: true });
    await until(() => world.parked === 0);
  });

  it('[TR7] a watch that waits is one parked poll, and many that ask the same share one read', async () => {
    await world.post('a', 1);
    const { marker } = mustAnswer(await open().next());
    for (const watch of watches.splice(0)) watch.cut();
    await until(() => world.parked === 0);
    const nexts = Array.from({ length: 50 }, () => open({ marker }).next());
    await until(() => world.parked === 50);
    const reads = world.counts.get('reads') ?? 0;
    await world.post('a', 2);
    const answers = (await Promise.all(nexts)).map(mustAnswer);
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
    assert.equal((world.counts.get('reads') ?? 0) - reads, 1);
    // Streams wait again by themselves, and without another read.
    if (!transport.streams) return;
    await until(() => world.parked === 50);
    assert.equal((world.counts.get('reads') ?? 0) - reads, 1);
  });

  it('[TR8] 1,000 that connect and vanish leave no waiter and no connection', async function () {
    this.timeout(60_000);
    const { marker } = mustAnswer(await open().next());
    for (const watch of watches.splice(0)) watch.cut();
    for (let i = 0; i < 1_000; i++) {
      const watch = transport.open(world.port, { marker });
      const next = watch.next();
      if (i % 3 === 0) await until(() => world.parked > 0);
      else if (i % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      watch.cut();
      await next;
    }
    await until(() => world.parked === 0 && world.connections.size === 0);
    for (const gauge of ['event_streams', 'sockets']) assert.equal(world.counts.get(gauge) ?? 0, 0);
  });

  it('[TR9] when the server stops, whoever waits is told to go elsewhere, and when', async () => {
    const watch = open();
    const { marker } = mustAnswer(await watch.next());
    const next = watch.next();
    await until(() => world.parked === 1);
    const stopped = world.stop();
    const outcome = await next;
    await stopped;
    assert.ok('problem' in outcome, JSON.stringify(outcome));
    assert.deepEqual([outcome.problem.status, outcome.problem.code], [503, 'stopping']);
    assert.ok(Number(outcome.problem.retryAfterMs) >= 0);
    world = new TransportWorld();
    await world.start();
    await world.post('a', 1);
    // Another instance with the same sealing key and another cache: a reset, not a refusal.
    assert.equal(mustAnswer(await open({ marker }).next()).mustReset?.reason, 'epoch');
  });
}
