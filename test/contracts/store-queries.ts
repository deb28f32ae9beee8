import assert from 'node:assert/strict';
import type { Change, Store, StoreKey, StoreRecord } from '../../src/ports/store.ts';

let spaces = 0;

export function newSpace(): string {
  return `space-${String(++spaces).padStart(4, '0')}`;
}

export function record(data: string, indexes: StoreRecord['indexes'] = {}): StoreRecord {
  return { data, indexes };
}

export function put(store: Store, ...puts: readonly (readonly [StoreKey, StoreRecord | 'delete'])[]): Promise<void> {
  const changes: Change[] = puts.map(([key, value]) => ({ key, record: value }));
  return store.transact(
    puts.map(([key]) => key),
    () => ({ changes, result: undefined }),
  );
}

/** The part of the store's contract that is about finding records. `get` gives the store and a space of this test's own. */
export function storeQueryContract(get: () => { readonly store: Store; readonly space: string }): void {
  let store: Store;
  let space: string;

  beforeEach(() => {
    ({ store, space } = get());
  });

  const item = (id: string): StoreKey => ({ space, kind: 'item', id });
  const ids = (keys: readonly StoreKey[]): string[] => keys.map((key) => key.id);

  it('[ST10] lists the ids of a kind in a space by code unit, whatever lies beside', async () => {
    const sorted = ['-', '..', '0', '9', ':', 'A', 'Z', '__x__', 'a', 'a.', 'aa', 'b', '~'];
    await Promise.all(sorted.toReversed().map((id) => put(store, [item(id), record(id)])));
    await put(
      store,
      [{ space, kind: 'client', id: 'b1' }, record('')],
      [{ space, kind: 'space', id: '' }, record('')],
      [{ space: `${space}-`, kind: 'item', id: 'b2' }, record('')],
      [{ space: space.slice(0, -1), kind: 'item', id: 'b3' }, record('')],
    );
    assert.deepEqual(await store.list(space, 'item', '', 100), sorted);
    assert.deepEqual(await store.list(space, 'client', '', 100), ['b1']);
    assert.deepEqual(await store.list(newSpace(), 'item', '', 100), []);
  });

  it('[ST10] lists page by page: after an id, whether that exists or not, as many as asked', async () => {
    const all = Array.from({ length: 25 }, (_, at) => `i${at}`).sort();
    await put(store, ...all.map((id) => [item(id), record('')] as const));
    const paged: string[] = [];
    for (;;) {
      const page = await store.list(space, 'item', paged.at(-1) ?? '', 7);
      if (page.length === 0) break;
      paged.push(...page);
    }
    assert.deepEqual(paged, all);
    assert.deepEqual(await store.list(space, 'item', 'i1~', 1), ['i2']);
    assert.deepEqual(await store.list(space, 'item', 'i9', 5), []);
    assert.deepEqual(await store.list(space, 'item', '', 0), []);
  });

  it('[ST10] no longer lists what was deleted', async () => {
    await put(store, [item('a'), record('')], [item('b'), record('')]);
    assert.deepEqual(await store.list(space, 'item', '', 9), ['a', 'b']);
    await put(store, [item('a'), 'delete']);
    assert.deepEqual(await store.list(space, 'item', '', 9), ['b']);
    await put(store, [item('b'), 'delete']);
    assert.deepEqual(await store.list(space, 'item', '', 9), []);
  });

  it('[ST11] names the spaces that hold a space record, in order and page by page', async () => {
    const all = [`${space}!`, `${space}-a`, `${space}-b`, `${space}.`];
    for (const one of all) await put(store, [{ space: one, kind: 'space', id: '' }, record('')]);
    await put(store, [{ space: `${space}-aa`, kind: 'item', id: 'a' }, record('')]);
    assert.deepEqual(await store.spaces(space, 4), all);
    assert.deepEqual(await store.spaces(`${space}-a`, 1), [`${space}-b`]);
    assert.deepEqual(await store.spaces('~', 4), []);
    await put(store, [{ space: `${space}-b`, kind: 'space', id: '' }, 'delete']);
    assert.deepEqual(await store.spaces(`${space}-a`, 1), [`${space}.`]);
  });

  it('[ST12] queries an index from its lower end, included, to its upper end, excluded', async () => {
    const texts = ['a', 'b', 'b!', 'b/', 'b0', 'c'];
    await put(store, ...texts.map((text) => [item(text), record('', { cover: `${space}/${text}` })] as const));
    const between = async (from: string, to: string, limit = 9): Promise<string[]> =>
      ids(await store.query('cover', `${space}/${from}`, `${space}/${to}`, limit));
    assert.deepEqual(await between('b', 'b0'), ['b', 'b!', 'b/']);
    assert.deepEqual(await between('b/', 'b0'), ['b/']);
    assert.deepEqual(await between('', '~', 2), ['a', 'b']);
    assert.deepEqual(await between('d', '~'), []);
    assert.deepEqual(await between('c', 'b'), []);
    assert.deepEqual(await between('a', 'c', 0), []);
  });

  it('[ST12] orders by the string of the index, across spaces', async () => {
    const elsewhere = { space: `a-${space}`, kind: 'item', id: 'z' } as const;
    await put(
      store,
      [item('b'), record('', { due: `${space}/1` })],
      [elsewhere, record('', { due: `${space}/2` })],
      [item('a'), record('', { due: `${space}/3` })],
    );
    const found = await store.query('due', `${space}/`, `${space}0`, 9);
    assert.deepEqual(found, [item('b'), elsewhere, item('a')]);
  });

  it('[ST15] finds clients by when they are due, apart from items', async () => {
    const client = { space, kind: 'client', id: 'a' } as const;
    await put(store, [item('a'), record('', { due: `${space}/1` })], [client, record('', { due: `${space}/2` })]);
    assert.deepEqual(await store.query('due', `${space}/`, `${space}0`, 9), [item('a')]);
    assert.deepEqual(await store.query('due', `${space}/`, `${space}0`, 9, 'client'), [client]);
    await put(store, [client, record('')]);
    assert.deepEqual(await store.query('due', `${space}/`, `${space}0`, 9, 'client'), []);
  });

  it('[ST16] keeps operations of items in their order, and finds what is due among them apart from items', async () => {
    const ids = ['a#1#0009', 'a#1#0012', 'a#1#ended', 'a#12#0001', 'b#1#0001'];
    const key = (id: string) => ({ space, kind: 'ops', id }) as const;
    const due = { due: `${space}/1` };
    for (const id of ids.toReversed()) await put(store, [key(id), record(id, id.endsWith('d') ? due : {})]);
    await put(store, [item('a'), record('', due)]);
    assert.deepEqual(await store.list(space, 'ops', '', 9), ids);
    assert.deepEqual(await store.list(space, 'ops', 'a#1#0010', 1), ['a#1#0012']);
    assert.deepEqual(await store.query('due', `${space}/`, `${space}0`, 9, 'ops'), [key('a#1#ended')]);
  });

  it('[ST16] finds notes of what expires, apart from everything else', async () => {
    const key = { space, kind: 'expiry', id: 'a' } as const;
    await put(store, [key, record('', { due: `${space}/1` })]);
    await put(store, [item('a'), record('', { due: `${space}/1` })]);
    assert.deepEqual(await store.query('due', `${space}/`, `${space}0`, 9, 'expiry'), [key]);
    assert.deepEqual(await store.list(space, 'expiry', '', 9), ['a']);
  });

  it('[ST12] finds a record only by the strings it has now, each in its own index', async () => {
    const found = async (): Promise<string[]> => {
      const answers = await Promise.all(
        (['open', 'due', 'cover', 'tomb'] as const).map(async (index) => {
          const keys = await store.query(index, `${space}/`, `${space}0`, 9);
          return keys.length > 0 ? index : '';
        }),
      );
      return answers.filter((one) => one !== '');
    };
    const text = `${space}/x`;
    await put(store, [item('a'), record('', { open: text, due: text })]);
    assert.deepEqual(await found(), ['open', 'due']);
    await put(store, [item('a'), record('', { due: `${text}2`, tomb: text })]);
    assert.deepEqual(await found(), ['due', 'tomb']);
    await put(store, [item('a'), 'delete']);
    assert.deepEqual(await found(), []);
  });

  it('[ST12] finds more records than a service gives in one answer', async () => {
    const keys = Array.from({ length: 700 }, (_, at) => item(String(at).padStart(4, '0')));
    await Promise.all(keys.map((key) => put(store, [key, record('x'.repeat(100), { cover: `${space}/${key.id}` })])));
    assert.deepEqual(await store.query('cover', `${space}/`, `${space}0`, 650), keys.slice(0, 650));
    assert.deepEqual((await store.list(space, 'item', '', 1000)).length, 700);
  });
}
