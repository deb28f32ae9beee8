import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { MAX_REGISTER_BYTES } from '../../src/protocol/limits.ts';
import { EngineWorld, SPACE } from '../support/engine-fixture.ts';

async function problemOf(promise: Promise<unknown>): Promise<ProblemError['problem']> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ProblemError, `a ProblemError, not ${String(error)}`);
  return error.problem;
}

describe('PostUpdate: results', () => {
  it('[PU1] an accepted update answers ok with its version, and the epoch of the space', async () => {
    const world = new EngineWorld();
    const response = await world.postAll({ updates: [{ item: 'a', op: { set: { x: 1 } } }] });
    assert.deepEqual(response.results, [{ item: 'a', result: 'ok', version: 1, durableVersion: 1 }]);
    assert.equal(response.epoch, (await world.floor())?.e);
    assert.match(response.epoch, /.+/);
  });

  it('[PU2] versions of an item only rise, each accepted update makes a new one', async () => {
    const world = new EngineWorld();
    const versions: number[] = [];
    for (let i = 0; i < 20; i++) versions.push((await world.ok('a', { set: i })).version);
    assert.deepEqual(
      versions,
      [...versions].sort((a, b) => a - b),
    );
    assert.equal(new Set(versions).size, 20);
  });

  it('[PU3] ifVersion accepts only the current version; a conflict carries version and value', async () => {
    const world = new EngineWorld();
    const { version } = await world.ok('a', { set: 'one' });
    const second = await world.ok('a', { set: 'two' }, { ifVersion: version });
    const late = await world.post('a', { set: 'three' }, { ifVersion: version });
    assert.deepEqual(late, {
      item: 'a',
      result: 'conflict',
      version: second.version,
      durableVersion: second.durableVersion,
      value: 'two',
    });
    assert.deepEqual(
      (await world.snapshot()).items.map((item) => 'value' in item && item.value),
      ['two'],
    );
  });

  it('[PU3] a conflict over the value null shows null', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: null });
    const late = await world.post('a', { set: 1 }, { ifVersion: 9 });
    assert.equal(late.result, 'conflict');
    assert.ok('value' in late && late.value === null);
  });

  it('[PU3] a server that remembers an older version judges by the present one', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    const first = await world.ok('a', { set: 1 });
    const second = await world.ok('a', { set: 2 }, { on: 1 });
    assert.equal((await world.post('a', { set: 'late' }, { ifVersion: first.version })).result, 'conflict');
    await world.ok('a', { set: 3 }, { on: 1 });
    await world.ok('a', { set: 4 });
    const { version } = await world.ok('a', { set: 5 }, { on: 1 });
    assert.ok(version > second.version);
    await world.ok('a', { set: 'good' }, { ifVersion: version });
  });

  it('[PU4] ifVersion 0 means absent or deleted', async () => {
    const world = new EngineWorld();
    const first = await world.ok('a', { set: 1 }, { ifVersion: 0 });
    assert.equal((await world.post('a', { set: 2 }, { ifVersion: 0 })).result, 'conflict');
    await world.ok('a', { delete: true }, { ifVersion: first.version });
    const again = await world.ok('a', { set: 3 }, { ifVersion: 0 });
    assert.ok(again.version > first.version);
  });

  it('[PU4] a precondition on an item that is not there is a conflict at version 0 without a value', async () => {
    const world = new EngineWorld();
    const result = await world.post('a', { set: 1 }, { ifVersion: 3 });
    assert.equal(result.result, 'conflict');
    assert.equal('version' in result && result.version, 0);
    assert.ok(!('value' in result));
    await world.ok('b', { set: 1 });
    await world.ok('b', { delete: true });
    const dead = await world.post('b', { set: 1 }, { ifVersion: 1 });
    assert.equal('version' in dead && dead.version, 0);
  });

  it('[PU5] the kind is register unless the first update names one, and is fixed from then on', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    await world.ok('j', { add: 'x' }, { kind: 'journal' });
    await world.ok('j', { add: 'y' });
    const wrong = await world.post('a', { add: 'x' }, { kind: 'journal' });
    assert.equal(wrong.result === 'invalid' && wrong.code, 'kindMismatch');
    const kinds = (await world.snapshot()).items.map((item) => 'kind' in item && item.kind);
    assert.deepEqual(kinds, ['register', 'journal']);
  });

  it('[PU5] after a delete the kind may change', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    await world.ok('a', { delete: true });
    await world.ok('a', { add: 'x' }, { kind: 'journal' });
    const [item] = (await world.snapshot()).items;
    assert.ok(item && 'value' in item);
    assert.deepEqual([item.kind, item.value], ['journal', ['x']]);
  });

  it('[PU6] a kind nobody knows is invalid kindUnknown; a malformed operation is invalid badOp', async () => {
    const world = new EngineWorld();
    const unknown = await world.post('a', { set: 1 }, { kind: 'sculpture' });
    assert.equal(unknown.result === 'invalid' && unknown.code, 'kindUnknown');
    const ops: unknown[] = [
      null,
      3,
      'set',
      [],
      {},
      { put: 1 },
      { set: 1, merge: {} },
      { delete: false },
      { delete: true, set: 1 },
    ];
    for (const op of ops) {
      const result = await world.post('a', op);
      assert.equal(result.result === 'invalid' && result.code, 'badOp', JSON.stringify(op));
      assert.ok(result.result === 'invalid' && result.detail.length > 10);
    }
    assert.deepEqual((await world.snapshot()).items, []);
  });

  it('[PU7] a value over the limit is tooLarge with the limit and changes nothing; one just at it is taken', async () => {
    const world = new EngineWorld();
    const fits = 'x'.repeat(MAX_REGISTER_BYTES - 2);
    const first = await world.ok('a', { set: fits });
    const refused = await world.post('a', { set: `${fits}y` });
    assert.deepEqual(refused, { item: 'a', result: 'tooLarge', limit: MAX_REGISTER_BYTES });
    const merged = await world.post('a', { merge: { more: 'é'.repeat(MAX_REGISTER_BYTES / 2) } });
    assert.equal(merged.result, 'tooLarge');
    const [item] = (await world.snapshot()).items;
    assert.ok(item && 'value' in item && item.value === fits && item.version === first.version);
  });

  it('[PU8] a delete makes a tombstone under a new version; a second one changes nothing', async () => {
    const world = new EngineWorld();
    const { version } = await world.ok('a', { set: 1 });
    const gone = await world.ok('a', { delete: true });
    assert.ok(gone.version > version);
    const again = await world.ok('a', { delete: true });
    assert.deepEqual([again.version, again.durableVersion], [gone.version, gone.durableVersion]);
    assert.equal((await world.head('a'))?.v, gone.version);
  });

  it('[PU8] the delete of an item that never was changes nothing and stores nothing', async () => {
    const world = new EngineWorld();
    const result = await world.ok('a', { delete: true });
    assert.equal(result.version, 0);
    assert.equal(world.storeWrites, 0);
  });

  it('[PU9] a batch is applied in order, one result per update, and is not atomic', async () => {
    const world = new EngineWorld();
    const { results } = await world.postAll({
      updates: [
        { item: 'a', op: { set: 1 } },
        { item: 'b', op: { nonsense: 1 } },
        { item: 'c', op: { set: 3 }, ifVersion: 7 },
        { item: 'd', op: { set: 4 } },
      ],
    });
    assert.deepEqual(
      results.map(({ item, result }) => [item, result]),
      [
        ['a', 'ok'],
        ['b', 'invalid'],
        ['c', 'conflict'],
        ['d', 'ok'],
      ],
    );
    assert.deepEqual(
      (await world.snapshot()).items.map(({ id }) => id),
      ['a', 'd'],
    );
  });

  it('[PU10] a request that names an item twice is 422 duplicateItem and changes nothing', async () => {
    const world = new EngineWorld();
    const request = {
      updates: [
        { item: 'a', op: { set: 1 } },
        { item: 'b', op: { set: 1 } },
        { item: 'a', op: { set: 2 } },
      ],
    };
    const problem = await problemOf(world.at(0).engine.postUpdate(SPACE, request, { subject: 's' }));
    assert.deepEqual([problem.status, problem.code], [422, 'duplicateItem']);
    assert.deepEqual((await world.snapshot()).items, []);
  });

  it('[PU11] an update needs exactly one of op and restore; seq needs a clientId: else 400 badRequest', async () => {
    const world = new EngineWorld();
    const { engine } = world.at(0);
    const restore = { from: 1, deltas: [{ version: 2, op: { set: 1 } }] };
    for (const update of [{ item: 'a' }, { item: 'a', op: { set: 1 }, restore }]) {
      const problem = await problemOf(engine.postUpdate(SPACE, { updates: [update] }, { subject: 's' }));
      assert.deepEqual([problem.status, problem.code], [400, 'badRequest']);
    }
    const unnumbered = engine.postUpdate(SPACE, { seq: 1, updates: [{ item: 'a', op: { set: 1 } }] }, { subject: 's' });
    assert.equal((await problemOf(unnumbered)).status, 400);
  });

  it('[PU12] a fence that no lock has is fenced; grab needs a client, and excludes release', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    assert.equal((await world.post('a', { set: 2 }, { fence: 7 })).result, 'fenced');
    assert.equal((await world.post('a', { set: 2 }, { fence: 0 })).result, 'fenced');
    assert.equal((await problemOf(world.post('a', { set: 2 }, { grab: true }))).code, 'badRequest');
    const both = world.post('a', { set: 2 }, { clientId: 'c', grab: true, release: true });
    assert.equal((await problemOf(both)).code, 'badRequest');
  });

  it('[PU13] updates of one item through several instances at once are all applied, each to the one before', async () => {
    const world = new EngineWorld({}, 3);
    await world.ok('j', { add: 'start' }, { kind: 'journal' });
    const posts = Array.from({ length: 30 }, (_, i) =>
      world.at(i % 3).engine.postUpdate(SPACE, { updates: [{ item: 'j', op: { add: `${i}` } }] }, { subject: 's' }),
    );
    const answers = await world.run(Promise.all(posts));
    const accepted = answers.flatMap(({ results }, i) => (results[0]?.result === 'ok' ? [`${i}`] : []));
    const [item] = (await world.snapshot(1)).items;
    assert.ok(item && 'value' in item);
    const texts = item.value as string[];
    assert.deepEqual([...texts].sort(), [...accepted, 'start'].sort());
    assert.equal(accepted.length, 30);
    const versions = answers.map(({ results }) => results[0] && 'version' in results[0] && results[0].version);
    assert.equal(new Set(versions).size, 30);
  });

  it('[PU14] updates of one item in one instance are applied in the order they came', async () => {
    const world = new EngineWorld();
    await world.ok('j', { add: 's' }, { kind: 'journal' });
    const texts = Array.from({ length: 20 }, (_, i) => String(i));
    const posts = texts.map((add) =>
      world.at(0).engine.postUpdate(SPACE, { updates: [{ item: 'j', op: { add } }] }, { subject: 's' }),
    );
    await world.run(Promise.all(posts));
    const [item] = (await world.snapshot()).items;
    assert.ok(item && 'value' in item);
    assert.deepEqual(item.value, ['s', ...texts]);
  });

  it('[PU15] spaces do not see each other: one id, two items', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    await world.postAll({ updates: [{ item: 'a', op: { set: 2 } }] }, { space: 'other' });
    assert.deepEqual(
      (await world.snapshot()).items.map((item) => 'value' in item && item.value),
      [1],
    );
  });
});
