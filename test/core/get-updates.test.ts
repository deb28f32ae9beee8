import assert from 'node:assert/strict';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';

describe('GetUpdates: answers', () => {
  it('[GU1] without a marker: every item that is there, whole, with version, durableVersion and time', async () => {
    const world = new EngineWorld();
    await world.ok('b', { set: { x: 1 } });
    await world.ok('a', { set: [1, 2] });
    await world.ok('gone', { set: 1 });
    await world.ok('gone', { delete: true });
    const response = await world.snapshot();
    const updatedAt = new Date(1_700_000_000_000).toISOString();
    assert.deepEqual(response.items, [
      { id: 'a', kind: 'register', version: 1, durableVersion: 1, updatedAt, value: [1, 2] },
      { id: 'b', kind: 'register', version: 1, durableVersion: 1, updatedAt, value: { x: 1 } },
    ]);
    assert.deepEqual(
      [response.upToDate, response.changesRemaining, response.epoch],
      [true, 0, (await world.floor())?.e],
    );
    assert.equal('mustReset' in response, false);
  });

  it('[GU1] the snapshot of a space nobody has written is empty and has a marker to go on with', async () => {
    const world = new EngineWorld();
    const response = await world.snapshot();
    assert.deepEqual([response.items, response.upToDate], [[], true]);
    await world.ok('a', { set: 1 });
    const next = await world.poll({ marker: response.marker });
    assert.deepEqual(
      next.items.map(({ id }) => id),
      ['a'],
    );
    assert.equal(next.mustReset, undefined);
  });

  it('[GU2] with a marker: what changed since, and nothing else', async () => {
    const world = new EngineWorld();
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: 0 });
    const { marker } = await world.snapshot();
    await world.ok('b', { set: 1 });
    await world.ok('c', { delete: true });
    await world.ok('d', { set: 1 });
    const response = await world.poll({ marker });
    const shown = response.items.map((item) => [
      item.id,
      'deleted' in item ? 'deleted' : 'value' in item && item.value,
    ]);
    assert.deepEqual(shown, [
      ['b', 1],
      ['c', 'deleted'],
      ['d', 1],
    ]);
  });

  it('[GU2] an update that came in the same millisecond as the marker is told once', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const chain = new Chain(world);
    await chain.next();
    for (let i = 1; i < 10; i++) {
      await world.ok('a', { set: i });
      await chain.next();
      await chain.next();
    }
    assert.deepEqual(chain.delivered.get('a'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('[GU3] a wait that ran out answers with no items and a fresh marker; wait is shortened by up to 10 %', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot();
    await world.pass(N * 3);
    const { marker: later } = await world.poll({ marker });
    const parked = world.park({ marker: later, wait: 10 });
    await world.pass(8_900);
    assert.equal(parked.outcome, undefined);
    await world.pass(1_400);
    assert.deepEqual([parked.response.items, parked.response.upToDate], [[], true]);
    assert.notEqual(parked.response.marker, later);
  });

  it('[GU3] the wait is 25 s by default with a marker, 0 without', async () => {
    const world = new EngineWorld();
    const first = world.park();
    await world.settle();
    const { marker } = first.response;
    const parked = world.park({ marker });
    await world.pass(22_000);
    assert.equal(parked.outcome, undefined);
    await world.pass(3_300);
    assert.ok(parked.outcome);
  });

  it('[GU4] a parked poll is answered as soon as an update of its instance is accepted', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.pass(300);
    await world.ok('a', { set: 1 });
    await world.settle();
    assert.deepEqual(
      parked.response.items.map(({ id }) => id),
      ['a'],
    );
    assert.equal(parked.deliveries, 1);
  });

  it('[GU4] a parked poll is answered as soon as another instance hints', async () => {
    const world = new EngineWorld({}, 2);
    const { marker } = await world.snapshot(1);
    const parked = world.park({ marker }, 1);
    await world.pass(300);
    await world.ok('a', { set: 1 });
    await world.settle();
    assert.deepEqual(
      parked.response.items.map(({ id }) => id),
      ['a'],
    );
  });

  it('[GU5] without any hint a parked poll finds a change within 2.5 s', async () => {
    const world = new EngineWorld();
    world.start({}, { deaf: true });
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.pass(300);
    await world.ok('a', { set: 1 }, { on: 1 });
    await world.settle();
    assert.equal(parked.outcome, undefined);
    await world.pass(2_500);
    assert.deepEqual(
      parked.response.items.map(({ id }) => id),
      ['a'],
    );
  });

  it('[GU6] marker=now skips history and waits for what comes', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    await world.pass(4 * N);
    const now = await world.poll({ marker: 'now' });
    assert.deepEqual([now.items, now.upToDate], [[], true]);
    await world.ok('b', { set: 2 });
    const next = await world.poll({ marker: now.marker });
    assert.deepEqual(
      next.items.map(({ id }) => id),
      ['b'],
    );
  });

  it('[GU6] marker=now skips what was written a moment ago', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 5; i++) await world.ok('a', { set: i });
    const now = await world.poll({ marker: 'now' });
    const next = await world.poll({ marker: now.marker });
    assert.deepEqual([now.items, next.items], [[], []]);
    const parked = world.park({ marker: 'now' });
    await world.pass(5_000);
    assert.equal(parked.outcome, undefined);
  });

  it('[GU7] who began with marker=now holds nothing: a change comes as a whole value', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: { big: 'x'.repeat(500), n: 0 } });
    let { marker } = await world.snapshot();
    for (let i = 0; i < 8; i++) {
      await world.pass(1_000);
      ({ marker } = await world.poll({ marker }));
    }
    await world.ok('a', { merge: { n: 1 } });
    const now = await world.poll({ marker: 'now' });
    await world.ok('a', { merge: { n: 2 } });
    const next = await world.poll({ marker: now.marker });
    const [item] = next.items;
    assert.ok(item && 'value' in item, JSON.stringify(item));
  });

  it('[GU8] ids filters by exact id and by prefix*, kinds by kind; a changed filter is 400 filterChanged', async () => {
    const world = new EngineWorld();
    for (const id of ['card:1', 'card:2', 'note', 'notes']) await world.ok(id, { set: 1 });
    await world.ok('log', { add: 'x' }, { kind: 'journal' });
    const cards = await world.poll({ ids: ['card:*', 'note'] });
    assert.deepEqual(
      cards.items.map(({ id }) => id),
      ['card:1', 'card:2', 'note'],
    );
    const journals = await world.poll({ kinds: ['journal'] });
    assert.deepEqual(
      journals.items.map(({ id }) => id),
      ['log'],
    );
    await world.ok('card:1', { set: 2 });
    await world.ok('notes', { set: 2 });
    const next = await world.poll({ ids: ['note', 'card:*'], marker: cards.marker });
    assert.deepEqual(
      next.items.map(({ id }) => id),
      ['card:1'],
    );
    const changed = await world.pollProblem({ ids: ['card:*'], marker: cards.marker });
    assert.deepEqual([changed?.status, changed?.code], [400, 'filterChanged']);
    assert.equal((await world.pollProblem({ marker: cards.marker }))?.code, 'filterChanged');
  });

  it('[GU8] an item that comes back as another kind is deleted for those who watch the old kind', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const chain = new Chain(world);
    await chain.next({ kinds: ['register'] });
    await world.ok('a', { delete: true });
    await world.ok('a', { add: 'x' }, { kind: 'journal' });
    await chain.next({ kinds: ['register'] });
    assert.deepEqual(chain.values, {});
  });

  it('[GU9] the marker moves on past changes that the filter leaves out', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    let { marker } = await world.poll({ ids: ['a'] });
    for (let i = 0; i < 50; i++) {
      await world.ok('b', { set: i });
      await world.pass(N);
      ({ marker } = await world.poll({ ids: ['a'], marker }));
    }
    world.at(0).counts.clear();
    const last = await world.poll({ ids: ['a'], marker });
    assert.deepEqual(last.items, []);
    assert.equal(world.at(0).counts.get('store_scans'), undefined);
  });

  it('[GU10] known saves what the caller has already; ids that do not exist come back as deleted at version 0', async () => {
    const world = new EngineWorld();
    const big = 'x'.repeat(3_000);
    const { version } = await world.ok('a', { set: big });
    const response = await world.poll({ known: { a: version, never: 3 } });
    assert.deepEqual(
      response.items.map((item) => ('deltas' in item ? [item.id, item.from, item.deltas] : item)),
      [['a', version, []], { id: 'never', version: 0, deleted: true }],
    );
    const gone = await world.ok('a', { delete: true });
    const after = await world.poll({ known: { a: version } });
    assert.deepEqual(
      after.items.map((item) => [item.id, item.version, 'deleted' in item]),
      [['a', gone.version, true]],
    );
  });

  it('[GU10] ids that do not exist are told with the last page of a paged snapshot', async () => {
    const world = new EngineWorld();
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: 1 });
    const known = { a: 1, zz: 4 };
    const gone: string[] = [];
    let response = await world.poll({ limit: 2, known });
    for (;;) {
      for (const item of response.items) if (item.version === 0) gone.push(item.id);
      if (response.upToDate) break;
      response = await world.poll({ limit: 2, known, marker: response.marker });
    }
    assert.deepEqual(gone, ['zz']);
  });

  it('[GU11] no answer holds more items than limit, those that do not exist counted', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 2; i++) await world.ok(`a${i}`, { set: 1 });
    const known = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x${i}`, 1]));
    let asked: string | undefined;
    for (let page = 0; page < 50; page++) {
      const response = await world.poll({ limit: 4, known, ...(asked ? { marker: asked } : {}) });
      assert.ok(response.items.length <= 4, `${response.items.length} items`);
      if (response.upToDate) return;
      asked = response.marker;
    }
    assert.fail('the pages never end');
  });

  it('[GU12] items come by ascending id; a delta chain rises strictly from above `from`', async () => {
    const world = new EngineWorld();
    await world.ok('j', { add: 'x'.repeat(2_000) }, { kind: 'journal' });
    const { marker } = await world.snapshot();
    for (let i = 0; i < 5; i++) await world.ok('j', { add: `${i}` }, { clientId: 'w', seq: i + 1 });
    const [item] = (await world.poll({ marker })).items;
    assert.ok(item && 'deltas' in item, JSON.stringify(item));
    assert.equal(item.from, 1);
    assert.deepEqual(
      item.deltas.map(({ version, index, op, clientId, seq }) => ({ version, index, op, clientId, seq })),
      [0, 1, 2, 3, 4].map((i) => ({ version: i + 2, index: i + 2, op: { add: `${i}` }, clientId: 'w', seq: i + 1 })),
    );
  });
});
