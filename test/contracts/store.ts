import assert from 'node:assert/strict';
import { isFailure } from '../../src/ports/failure.ts';
import type { Store, StoreKey, StoreRecord } from '../../src/ports/store.ts';
import { MAX_ROW_BYTES } from '../../src/protocol/limits.ts';
import { newSpace, put, record, storeQueryContract } from './store-queries.ts';

export type StoreUnderTest = {
  readonly store: Store;
  /** Another handle to the same data, as another instance would hold; the same one where there can be no other. */
  readonly other: Store;
  /** A store of the same backend, empty, to be closed by the test. */
  readonly openAnother: () => Promise<Store>;
  readonly close: () => Promise<void>;
};

const EVERY_CHAR = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-';
const LARGEST = 'x'.repeat(MAX_ROW_BYTES);
/** The laws of `ports/store.ts`. `open` is called once; each test works in a space of its own. */
export function storeContract(open: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: Store;
  let other: Store;
  let space: string;

  before(async () => {
    under = await open();
    ({ store, other } = under);
  });
  after(() => under?.close());
  beforeEach(() => {
    space = newSpace();
  });

  const item = (id: string): StoreKey => ({ space, kind: 'item', id });
  const texts = async (...keys: StoreKey[]): Promise<(string | undefined)[]> => {
    return (await store.read(keys)).map((one) => one?.data);
  };
  const increment = (by: Store, key: StoreKey): Promise<number> => {
    return by.transact([key], ([old]) => {
      const next = Number(old?.data ?? 0) + 1;
      return { changes: [{ key, record: record(String(next)) }], result: next };
    });
  };

  describe('read', () => {
    it('[ST1] answers in the order of the keys, with holes and with repeats', async () => {
      await put(store, [item('a'), record('A')], [item('b'), record('B')]);
      assert.deepEqual(await texts(item('b'), item('none'), item('a'), item('b')), ['B', undefined, 'A', 'B']);
      assert.deepEqual(await store.read([]), []);
    });

    it('[ST1] answers many reads of one turn, each with its own', async () => {
      await put(store, [item('a'), record('A')], [item('b'), record('B')]);
      const asked = [[item('a')], [item('none')], [item('b'), item('a')]];
      const answers = await Promise.all(asked.map((keys) => texts(...keys)));
      assert.deepEqual(answers, [['A'], [undefined], ['B', 'A']]);
    });

    it('[ST1] answers 1,200 keys, every third of which is missing', async () => {
      const keys = Array.from({ length: 1200 }, (_, at) => item(String(at)));
      const written = keys.filter((_, at) => at % 3 !== 0);
      await Promise.all(written.map((key) => put(store, [key, record(key.id)])));
      const expected = keys.map((key, at) => (at % 3 === 0 ? undefined : key.id));
      assert.deepEqual(await texts(...keys), expected);
    });

    it('[ST2] gives back data and index strings as they were written, and no others', async () => {
      const full = record('1{"a":"é\\u0000\u{1f600}\n\u0000"}', {
        open: `${space}/a`,
        due: '1/2',
        cover: 'c',
        tomb: '~',
      });
      await put(store, [item('a'), full], [item('b'), record('', { due: '!' })], [item('c'), record('')]);
      assert.deepEqual(await store.read([item('a'), item('b'), item('c')]), [
        full,
        record('', { due: '!' }),
        record(''),
      ]);
      await put(store, [item('a'), record('now', { tomb: 't' })]);
      assert.deepEqual(await store.read([item('a')]), [record('now', { tomb: 't' })]);
    });

    it('[ST2] holds a record of the largest size, and more of them than fit into one commit', async () => {
      const keys = Array.from({ length: 5 }, (_, at) => item(`large-${at}`));
      await Promise.all(keys.map((key) => put(store, [key, record(LARGEST)])));
      assert.deepEqual(
        (await store.read(keys)).map((one) => one?.data.length),
        keys.map(() => MAX_ROW_BYTES),
      );
    });

    it('[ST3] keeps apart neighbours whose ids look alike', async () => {
      const ids = [
        'a',
        'aa',
        'a.',
        'a~',
        'A',
        '-',
        '..a',
        '__x__',
        '__a',
        'p_',
        'p_a',
        'a:b',
        EVERY_CHAR,
        'z'.repeat(128),
      ];
      await put(store, ...ids.map((id): [StoreKey, StoreRecord] => [item(id), record(id)]));
      assert.deepEqual(await texts(...ids.map(item)), ids);
    });

    it('[ST3] keeps apart kinds and spaces', async () => {
      const keys: StoreKey[] = [
        { space, kind: 'space', id: '' },
        { space, kind: 'item', id: 'a' },
        { space, kind: 'client', id: 'a' },
        { space, kind: 'owner', id: '' },
        { space, kind: 'resource', id: 'a' },
        { space, kind: 'usage', id: '' },
        { space: `${space}a`, kind: 'item', id: 'a' },
        { space: `__${space}__`, kind: 'item', id: 'a' },
        { space: '#owner', kind: 'owner', id: '' },
      ];
      await put(store, ...keys.map((key, at): [StoreKey, StoreRecord] => [key, record(String(at))]));
      assert.deepEqual(
        await texts(...keys),
        keys.map((_, at) => String(at)),
      );
      await put(store, [keys[1] ?? item('a'), 'delete']);
      assert.deepEqual((await texts(...keys)).indexOf(undefined), 1);
    });
  });

  describe('transact', () => {
    it('[ST4] shows the records of its keys in their order, and answers what was decided', async () => {
      await put(store, [item('b'), record('B', { due: 'd' })]);
      const seen = await store.transact([item('a'), item('b')], (records) => ({ changes: [], result: records }));
      assert.deepEqual(seen, [undefined, record('B', { due: 'd' })]);
    });

    it('[ST4] applies all changes of a decision, deletions among them', async () => {
      await put(store, [item('a'), record('A')], [item('b'), record('B')]);
      await put(
        store,
        [item('a'), 'delete'],
        [item('b'), record('B2')],
        [item('c'), record('C')],
        [item('none'), 'delete'],
      );
      assert.deepEqual(await texts(item('a'), item('b'), item('c'), item('none')), [undefined, 'B2', 'C', undefined]);
    });

    it('[ST4] takes the last of several changes of one record', async () => {
      const key = item('a');
      const changes = ['delete' as const, record('1'), record('2')].map((one) => ({ key, record: one }));
      await store.transact([key], () => ({ changes, result: undefined }));
      assert.deepEqual(await texts(key), ['2']);
    });

    it('[ST5] loses none of 50 increments made at once by two instances', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, at) => increment(at % 2 === 0 ? store : other, item('n'))),
      );
      assert.deepEqual(
        results.sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, at) => at + 1),
      );
      assert.deepEqual(await texts(item('n')), ['50']);
    });

    it('[ST5] keeps the sum while 40 transfers cross each other', async () => {
      const accounts = ['a', 'b', 'c', 'd'].map(item);
      await put(store, ...accounts.map((key): [StoreKey, StoreRecord] => [key, record('100')]));
      const transfer = (by: Store, from: StoreKey, to: StoreKey): Promise<void> =>
        by.transact([from, to], ([a, b]) => {
          const moved = [record(String(Number(a?.data) - 1)), record(String(Number(b?.data) + 1))];
          return { changes: [from, to].map((key, at) => ({ key, record: moved[at] ?? 'delete' })), result: undefined };
        });
      const pick = (at: number): StoreKey => accounts[at % accounts.length] ?? item('none');
      await Promise.all(
        Array.from({ length: 40 }, (_, n) => transfer(n % 2 ? store : other, pick(n), pick(n + 1 + (n % 3)))),
      );
      const balances = (await texts(...accounts)).map(Number);
      assert.equal(
        balances.reduce((sum, one) => sum + one, 0),
        400,
      );
    });

    it('[ST6] a throwing decision fails its own call, with that error, and changes nothing', async () => {
      const error = new Error('no');
      const calls = [
        put(store, [item('a'), record('A')]),
        store.transact([item('b')], () => {
          throw error;
        }),
        put(store, [item('c'), record('C')]),
      ];
      const [a, b, c] = await Promise.allSettled(calls);
      assert.deepEqual([a?.status, c?.status], ['fulfilled', 'fulfilled']);
      assert(b?.status === 'rejected' && b.reason === error);
      assert.deepEqual(await texts(item('a'), item('b'), item('c')), ['A', undefined, 'C']);
    });

    it('[ST7] refuses what cannot be stored, for its own call only', async () => {
      const poison: [StoreKey, StoreRecord][] = [
        [item('large'), record(`${LARGEST}x`)],
        [item('wide'), record('é'.repeat(MAX_ROW_BYTES / 2 + 1))],
        [item('half'), record('\ud800')],
        [item('long'), record('', { due: 'x'.repeat(1501) })],
        [item('blank'), record('', { due: '' })],
        [item('accent'), record('', { due: 'é' })],
        [{ space, kind: 'client', id: 'c' }, record('', { open: '1' })],
        [{ space, kind: 'space', id: '' }, record('', { due: '1' })],
      ];
      const good = put(store, [item('a'), record('A')]);
      const outcomes = await Promise.allSettled(poison.map((one) => put(store, [item('beside'), record('B')], one)));
      await good;
      for (const one of outcomes) assert(one.status === 'rejected' && isFailure(one.reason, 'storeRefused'));
      assert.deepEqual(await texts(item('a'), item('beside'), item('large')), ['A', undefined, undefined]);
    });

    it('[ST8] refuses a change of a record that the decision was not shown', async () => {
      const changes = [item('a'), item('b')].map((key) => ({ key, record: record('x') }));
      await assert.rejects(
        store.transact([item('a')], () => ({ changes, result: undefined })),
        /among its keys/,
      );
      assert.deepEqual(await texts(item('a'), item('b')), [undefined, undefined]);
    });

    it('[ST9] is seen by reads and queries of another instance once it has settled', async () => {
      for (const text of ['1', '2', '3']) {
        await put(store, [item('a'), record(text, { due: `${space}/${text}` })]);
        assert.deepEqual(await other.read([item('a')]), [record(text, { due: `${space}/${text}` })]);
        assert.deepEqual(await other.query('due', `${space}/${text}`, `${space}/${text}~`, 9), [item('a')]);
      }
    });

    it('[ST9] settles 2,500 calls of one turn', async () => {
      const keys = Array.from({ length: 2500 }, (_, at) => item(`${at % 1700}`));
      const results = await Promise.all(keys.map((key) => increment(store, key)));
      assert.equal(results.filter((one) => one === 2).length, 800);
    });
  });

  describe('list, spaces and query', () => {
    storeQueryContract(() => ({ store, space }));
  });

  describe('close', () => {
    it('[ST14] finishes what was begun, then refuses everything as closed', async () => {
      const another = await under.openAnother();
      const begun = put(another, [item('a'), record('A')]);
      const closing = another.close();
      const late = put(another, [item('b'), record('B')]);
      await assert.rejects(late, (error) => isFailure(error, 'closed'));
      await Promise.all([begun, closing]);
      await assert.rejects(another.read([item('a')]), (error) => isFailure(error, 'closed'));
      await assert.rejects(another.ping(), (error) => isFailure(error, 'closed'));
      await another.close();
    });

    it('[ST14] answers a ping while it is open', () => store.ping());
  });
}
