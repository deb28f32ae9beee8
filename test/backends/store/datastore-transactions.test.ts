import assert from 'node:assert/strict';
import {
  ABORTED,
  DEADLINE_EXCEEDED,
  INVALID_ARGUMENT,
  RESOURCE_EXHAUSTED,
  RpcError,
  UNAVAILABLE,
} from '../../../src/backends/grpc/rpc-error.ts';
import { createDatastoreStore } from '../../../src/backends/store/datastore.ts';
import type { DatastoreDriver } from '../../../src/backends/store/datastore-driver.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { Store } from '../../../src/ports/store.ts';
import { MAX_ROW_BYTES } from '../../../src/protocol/limits.ts';
import { RecordedLog } from '../../support/recorded-log.ts';
import { itemKey, put, realRandom, record } from './fixtures.ts';
import { type Fate, HastyClock, ScriptedDriver } from './scripted-driver.ts';

describe('Datastore transactions', () => {
  let driver: ScriptedDriver;
  let clock: HastyClock;
  let store: Store;

  beforeEach(() => {
    driver = new ScriptedDriver();
    clock = new HastyClock();
    store = createDatastoreStore({ driver, clock, random: realRandom, log: new RecordedLog(), timeoutMs: 5000 });
  });
  afterEach(() => store.close());

  const key = (id: string) => itemKey('s', id);
  const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `i${at}`);
  const putAll = (names: readonly string[]): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled(names.map((id) => put(store, key(id), record(id))));
  const fates = (...list: Fate[]): (() => Fate) => {
    return () => list.shift();
  };
  const increment = (id: string): Promise<number> =>
    store.transact([key(id)], ([old]) => {
      const next = Number(old?.data ?? 0) + 1;
      return { changes: [{ key: key(id), record: record(String(next)) }], result: next };
    });
  const textOf = async (id: string): Promise<string | undefined> => (await store.read([key(id)]))[0]?.data;

  it('[ST30] commits the calls of one turn together, those on the same record among them', async () => {
    assert.deepEqual(await Promise.all([increment('a'), increment('b'), increment('a'), increment('a')]), [1, 1, 2, 3]);
    assert.deepEqual(driver.commits, [['a', 'b']]);
  });

  it('[ST30] keeps to 500 records in one commit, and one transaction at a time in a space', async () => {
    await putAll(ids(1200));
    assert.deepEqual(
      driver.commits.map((commit) => commit.length),
      [500, 500, 200],
    );
    assert.equal(driver.mostUnderWay, 1);
  });

  it('[ST30] keeps to 25 spaces in one commit, and works on several spaces at once', async () => {
    await Promise.all(ids(60).map((space) => put(store, itemKey(space, space), record(''))));
    assert.deepEqual(driver.commits.map((commit) => commit.length).sort(), [10, 25, 25]);
    assert.equal(driver.mostUnderWay, 3);
  });

  it('[ST31] splits what is more than 3.5 MB into several commits', async () => {
    const outcomes = await Promise.all(ids(8).map((id) => put(store, key(id), record('x'.repeat(MAX_ROW_BYTES)))));
    assert.equal(outcomes.length, 8);
    assert.deepEqual(
      driver.commits.map((commit) => commit.length),
      [3, 3, 2],
    );
  });

  it('[ST31] refuses a single decision that is more than 3.5 MB', async () => {
    const keys = ids(4).map(key);
    const changes = keys.map((one) => ({ key: one, record: record('x'.repeat(MAX_ROW_BYTES)) }));
    const large = store.transact(keys, () => ({ changes, result: undefined }));
    const beside = put(store, key('beside'), record('B'));
    await assert.rejects(large, (error) => isFailure(error, 'storeRefused'));
    await beside;
    assert.deepEqual([driver.entities.size, await textOf('beside')], [1, 'B']);
  });

  it('[ST32] finds the one call that spoils a commit and refuses it alone', async () => {
    const names = ids(100);
    driver.onCommit = (writes) =>
      writes.some((write) => write.key.id === 'i37') ? new RpcError(INVALID_ARGUMENT, 'no such value') : undefined;
    const outcomes = await putAll(names);
    const refused = outcomes.flatMap((one, at) => (one.status === 'rejected' ? [[names[at], one.reason.code]] : []));
    assert.deepEqual(refused, [['i37', 'storeRefused']]);
    assert.equal(driver.entities.size, 99);
    assert(driver.commits.length < 20, `${driver.commits.length} commits`);
  });

  it('[ST33] decides again on fresh records when others were faster, and in smaller parts after two such failures', async () => {
    const seen: (string | undefined)[] = [];
    driver.onCommit = fates(new RpcError(ABORTED, 'contention'), new RpcError(ABORTED, 'contention'));
    const call = store.transact([key('a')], ([old]) => {
      seen.push(old?.data);
      driver.entities.set('item/s/a', { record: record(`theirs ${seen.length}`), tag: 'theirs' });
      return { changes: [{ key: key('a'), record: record('mine') }], result: undefined };
    });
    await Promise.all([call, ...ids(7).map((id) => put(store, key(id), record('')))]);
    assert.deepEqual(seen, [undefined, 'theirs 1', 'theirs 2']);
    assert.deepEqual(
      driver.commits.map((commit) => commit.length),
      [8, 8, 4, 4],
    );
    assert.equal(await textOf('a'), 'mine');
  });

  it('[ST33] begins again when the service has forgotten the transaction', async () => {
    driver.onCommit = fates(new RpcError(INVALID_ARGUMENT, 'transaction has expired or is invalid'));
    assert.equal(await increment('a'), 1);
    assert.equal(driver.commits.length, 2);
  });

  it('[ST33] gives up contention at the deadline, with nothing changed', async () => {
    driver.onCommit = () => new RpcError(ABORTED, 'contention');
    await assert.rejects(increment('a'), (error) => isFailure(error, 'storeUnavailable') && !error.unclear);
    assert(clock.monotonic() <= 5000 && driver.commits.length >= 5, `${driver.commits.length} attempts`);
  });

  it('[ST34] does not apply twice what was applied without an answer', async () => {
    driver.onCommit = fates('lost', 'lost', undefined, 'lost');
    for (const expected of [1, 2, 3]) assert.equal(await increment('a'), expected);
    assert.equal(await textOf('a'), '3');
  });

  it('[ST34] applies what was neither applied nor answered', async () => {
    driver.onCommit = fates(new RpcError(UNAVAILABLE, 'down'));
    assert.deepEqual(await Promise.all([increment('a'), increment('a')]), [1, 2]);
    assert.equal(await textOf('a'), '2');
  });

  it('[ST34] says unclear at the deadline when a commit was never answered, and not when none was sent', async () => {
    driver.onCommit = () => new RpcError(UNAVAILABLE, 'down');
    await assert.rejects(increment('a'), (error) => isFailure(error, 'storeUnavailable') && error.unclear);
    driver.onLookup = () => new RpcError(UNAVAILABLE, 'down');
    await assert.rejects(increment('b'), (error) => isFailure(error, 'storeUnavailable') && !error.unclear);
  });

  it('[ST35] sends less at once after being turned away, and ends as overloaded at the deadline', async () => {
    const spaces = ids(400);
    const one = (space: string): Promise<void> => put(store, itemKey(space, 'a'), record(''));
    await Promise.all(spaces.map(one));
    assert.equal(driver.mostUnderWay, 8);
    driver.onCommit = () => new RpcError(RESOURCE_EXHAUSTED, 'quota');
    const outcomes = await Promise.allSettled(spaces.map(one));
    for (const outcome of outcomes) {
      assert(outcome.status === 'rejected' && isFailure(outcome.reason, 'storeOverloaded') && !outcome.reason.unclear);
    }
    driver.onCommit = () => undefined;
    driver.mostUnderWay = 0;
    await Promise.all(spaces.slice(0, 50).map(one));
    assert.equal(driver.mostUnderWay, 1);
  });

  it('[ST36] rolls back what it does not commit, and commits nothing for decisions without changes', async () => {
    const read = await store.transact([key('a')], ([old]) => ({ changes: [], result: old }));
    assert.equal(read, undefined);
    driver.onCommit = fates(new RpcError(ABORTED, 'contention'));
    await increment('a');
    assert.deepEqual(driver.rolledBack, ['transaction 1', 'transaction 2']);
    assert.equal(driver.commits.length, 2);
  });

  it('[ST36] fails at once on what no retry heals, as unavailable', async () => {
    driver.onCommit = () => new RpcError(7, 'permission denied');
    await assert.rejects(increment('a'), (error) => isFailure(error, 'storeUnavailable') && !error.unclear);
    assert.equal(driver.commits.length, 1);
  });

  it('[ST37] looks up the keys of all reads of one turn together, each once, at most 1,000 at a time', async () => {
    await Promise.all([store.read([key('a'), key('b')]), store.read([key('b'), key('c')])]);
    assert.deepEqual(driver.lookups, [['a', 'b', 'c']]);
    await Promise.all(ids(2500).map((id) => store.read([key(id)])));
    assert.deepEqual(
      driver.lookups.slice(1).map((lookup) => lookup.length),
      [1000, 1000, 500],
    );
  });

  it('[ST37] repeats a read that failed, and at the deadline fails it: never absent', async () => {
    await put(store, key('a'), record('A'));
    driver.onLookup = fates(new RpcError(UNAVAILABLE, 'down'), new RpcError(RESOURCE_EXHAUSTED, 'quota'));
    assert.equal(await textOf('a'), 'A');
    driver.onLookup = () => new RpcError(UNAVAILABLE, 'down');
    await assert.rejects(store.read([key('a')]), (error) => isFailure(error, 'storeUnavailable'));
    driver.onLookup = () => new RpcError(RESOURCE_EXHAUSTED, 'quota');
    await assert.rejects(store.read([key('a')]), (error) => isFailure(error, 'storeOverloaded'));
    assert(clock.monotonic() <= 10_000);
  });

  it('[LI50] calls to a service that hangs end within 4 s, writes that may have been carried out as unclear', async () => {
    const options = { clock, random: realRandom, log: new RecordedLog() };
    const hanging = async (ms: number): Promise<never> => {
      await clock.sleep(ms);
      throw new RpcError(DEADLINE_EXCEEDED, 'no answer');
    };
    const deaf: DatastoreDriver = {
      lookup: (_keys, ms) => hanging(ms),
      begin: (_keys, ms) => hanging(ms),
      commit: (_transaction, _writes, _tag, ms) => hanging(ms),
      rollback: async () => undefined,
      query: (_build, ms) => hanging(ms),
      close: async () => undefined,
    };
    const silent = createDatastoreStore({ ...options, driver: deaf });
    const mute = createDatastoreStore({ ...options, driver: { ...deaf, begin: (keys) => driver.begin(keys) } });
    for (const [call, unclear] of [
      [() => silent.read([key('a')]), false],
      [() => put(silent, key('a'), record('A')), false],
      [() => put(mute, key('a'), record('A')), true],
      [() => silent.list('s', 'item', '', 10), false],
    ] as const) {
      const began = clock.monotonic();
      await assert.rejects(call, (error) => isFailure(error, 'storeUnavailable') && error.unclear === unclear);
      assert.ok(clock.monotonic() - began <= 4_100, `${clock.monotonic() - began} ms`);
    }
    await silent.close();
    await mute.close();
  });
});
