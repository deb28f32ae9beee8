import assert from 'node:assert/strict';
import { toMutation, toWireKey } from '../../../src/backends/store/datastore-codec.ts';
import { type LookupAnswer, type LookupRequest, lookupAll } from '../../../src/backends/store/datastore-lookup.ts';
import { itemKey, record } from './fixtures.ts';

const PARTITION = { projectId: 'p' };
const BEGIN = { newTransaction: { readWrite: {} } };

describe('Datastore lookup', () => {
  const keys = (count: number) => Array.from({ length: count }, (_, at) => itemKey('s', String(at)));
  const entity = (id: string) =>
    toMutation(PARTITION, { key: itemKey('s', id), record: record(id) }, 'tag').upsert ?? null;
  const nameOf = (request: LookupRequest, at: number): string => request.keys?.[at]?.path?.[1]?.name?.slice(2) ?? '';

  it('[ST37] asks again for what the service puts off', async () => {
    const asked: number[] = [];
    const send = async (request: LookupRequest): Promise<LookupAnswer> => {
      asked.push(request.keys?.length ?? 0);
      return { found: [{ entity: entity(nameOf(request, 0)) }], deferred: request.keys?.slice(1) ?? [] };
    };
    const { found } = await lookupAll(send, PARTITION, keys(4), undefined);
    assert.deepEqual(asked, [4, 3, 2, 1]);
    assert.deepEqual([...found.keys()], ['item/s/0', 'item/s/1', 'item/s/2', 'item/s/3']);
  });

  it('[ST37] fails when the service puts everything off', async () => {
    const send = async (request: LookupRequest): Promise<LookupAnswer> => ({ deferred: request.keys ?? [] });
    await assert.rejects(lookupAll(send, PARTITION, keys(2), undefined), /answered nothing/);
  });

  it('[ST37] asks for at most 1,000 keys at once, all in the transaction that the first request begins', async () => {
    const asked: (readonly [number, unknown])[] = [];
    const send = async ({ keys: some, readOptions }: LookupRequest): Promise<LookupAnswer> => {
      asked.push([some?.length ?? 0, readOptions]);
      return { transaction: asked.length === 1 ? 'T' : null };
    };
    const { found, transaction } = await lookupAll(send, PARTITION, keys(2100), BEGIN);
    assert.deepEqual([found.size, transaction], [0, 'T']);
    assert.deepEqual(asked, [
      [1000, BEGIN],
      [1000, { transaction: 'T' }],
      [100, { transaction: 'T' }],
    ]);
  });

  it('[ST3] prefixes names, so that reserved and empty ones are ordinary', () => {
    assert.deepEqual(toWireKey(PARTITION, { space: '__s__', kind: 'owner', id: '' }).path, [
      { kind: 'Space', name: 'p___s__' },
      { kind: 'Owner', name: 'p_' },
    ]);
  });
});
