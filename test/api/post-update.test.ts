import assert from 'node:assert/strict';
import type { RetryCode, UpdateResult } from '../../src/protocol/post-update.ts';
import { type App, makeApp, postJson } from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';

describe('POST updates', () => {
  let app: App;

  beforeEach(() => {
    app = makeApp();
  });

  it('[HT30] hands the request to the engine and answers its results in order', async () => {
    const request = {
      clientId: 'c1',
      seq: 4,
      updates: [
        { item: 'a', kind: 'register', op: { set: null }, durable: true },
        { item: 'b', op: { set: 1 }, ifVersion: 7 },
      ],
    };
    const { status, json } = await postJson(app.listener, UPDATES, request);
    assert.equal(status, 200);
    assert.deepEqual(app.engine.requests, [request]);
    assert.deepEqual(
      app.engine.callers.map(({ subject }) => subject),
      ['anonymous'],
    );
    assert.deepEqual(json, {
      epoch: 'e1',
      results: [
        { item: 'a', result: 'ok', version: 1, durableVersion: 1 },
        { item: 'b', result: 'conflict', version: 0, durableVersion: 0 },
      ],
    });
  });

  function waiting(item: string, code: RetryCode, retryAfterMs: number): UpdateResult {
    return { item, result: 'retry', code, retryAfterMs };
  }

  const codes: readonly (readonly [RetryCode, string])[] = [
    ['storeUnavailable', 'storeUnavailable'],
    ['cacheUnavailable', 'cacheUnavailable'],
    ['recovering', 'recovering'],
    ['contention', 'contention'],
    ['overloaded', 'overloaded'],
    ['folding', 'overloaded'],
    ['stopping', 'stopping'],
  ];
  for (const [code, problem] of codes) {
    it(`[HT31] is 503 ${problem} when every update would be retried for ${code}`, async () => {
      app.engine.script = ({ item }) => waiting(item, item === 'a' ? code : 'contention', item === 'a' ? 200 : 1_001);
      const updates = ['a', 'b'].map((item) => ({ item, op: { set: 1 } }));
      const { status, json, headers } = await postJson(app.listener, UPDATES, { updates });
      assert.equal(status, 503);
      assert.equal(json.code, problem);
      assert.equal(headers['retry-after'], '2', 'the longest of the waits, in whole seconds');
      assert.equal(json.retryAfterMs, 1_001);
    });
  }

  it('[HT31] is 200 when only some would be retried', async () => {
    app.engine.script = ({ item }) => (item === 'a' ? waiting(item, 'folding', 50) : undefined);
    const updates = ['a', 'b'].map((item) => ({ item, op: { set: 1 } }));
    const { status, json, headers } = await postJson(app.listener, UPDATES, { updates });
    assert.equal(status, 200);
    assert.deepEqual(
      json.results.map(({ result }: UpdateResult) => result),
      ['retry', 'ok'],
    );
    assert.equal(headers['retry-after'], undefined);
  });

  it('[HT30] answers every kind of result as it is documented', async () => {
    const at = { version: 3, durableVersion: 2 };
    const results: readonly UpdateResult[] = [
      { item: 'a', result: 'ok', ...at, fence: 3, ttlMs: 5_000, missed: [{ version: 2, op: {}, updatedAt: 'then' }] },
      { item: 'b', result: 'conflict', ...at, value: { x: 1 } },
      { item: 'c', result: 'locked', ...at, holder: 'h', ttlMs: 10 },
      { item: 'd', result: 'fenced', ...at },
      { item: 'e', result: 'resync', ...at, value: null },
      { item: 'f', result: 'invalid', code: 'seqReused', detail: 'another body' },
      { item: 'g', result: 'tooLarge', limit: 9 },
      { item: 'h', result: 'retry', code: 'folding', retryAfterMs: 9 },
    ];
    app.engine.script = ({ item }) => results.find((result) => result.item === item);
    const updates = results.map(({ item }) => ({ item, op: {} }));
    const { json } = await postJson(app.listener, UPDATES, { updates });
    assert.deepEqual(json.results, results);
  });
});
