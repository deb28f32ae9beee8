import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { getUpdatesSchema } from '../../src/protocol/get-updates.ts';
import { MAX_KNOWN_IDS } from '../../src/protocol/limits.ts';
import { postUpdateSchema } from '../../src/protocol/post-update.ts';

const takes = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;
const update = { item: 'a', op: { set: 1 } };

describe('the form of a PostUpdate request', () => {
  it('[PU60] 1 to 100 updates; unknown fields are refused', () => {
    const many = (count: number) => ({
      updates: Array.from({ length: count }, (_, i) => ({ ...update, item: `a${i}` })),
    });
    assert.deepEqual(
      [0, 1, 100, 101].map((count) => takes(postUpdateSchema, many(count))),
      [false, true, true, false],
    );
    assert.ok(!takes(postUpdateSchema, { updates: [update], more: 1 }));
    assert.ok(!takes(postUpdateSchema, { updates: [{ ...update, more: 1 }] }));
    assert.ok(!takes(postUpdateSchema, {}));
  });

  it('[PU61] ids, seq, ifVersion and fence are of the documented form', () => {
    const with_ = (more: object) => takes(postUpdateSchema, { updates: [{ ...update, ...more }] });
    assert.deepEqual(
      [0, 7, -1, 1.5, '1', null].map((ifVersion) => with_({ ifVersion })),
      [true, true, false, false, false, false],
    );
    assert.deepEqual(
      [3, -3].map((fence) => with_({ fence })),
      [true, false],
    );
    assert.deepEqual(
      ['..', 'a/b', ''].map((item) => with_({ item })),
      [false, false, false],
    );
    for (const flag of ['durable', 'grab', 'release'])
      assert.deepEqual([with_({ [flag]: true }), with_({ [flag]: 1 })], [true, false]);
    const numbered = (seq: unknown, clientId: unknown = 'c') =>
      takes(postUpdateSchema, { clientId, seq, updates: [update] });
    assert.deepEqual(
      [1, 2 ** 53 - 1, 0, -1, 1.5, 2 ** 53].map((seq) => numbered(seq)),
      [true, true, false, false, false, false],
    );
    assert.ok(!numbered(1, 'a b'));
  });

  it('[PU62] a restore names a version and 1 to 1,000 deltas', () => {
    const delta = { version: 4, op: { set: 1 }, clientId: 'c', seq: 2 };
    const of = (restore: unknown) => takes(postUpdateSchema, { updates: [{ item: 'a', restore }] });
    assert.ok(of({ from: 0, deltas: [delta] }));
    assert.ok(of({ from: 3, deltas: [{ version: 4, op: null }] }));
    const bad = [
      { from: -1, deltas: [delta] },
      { from: 1, deltas: [] },
      { deltas: [delta] },
      { from: 1, deltas: [{ ...delta, x: 1 }] },
      { from: 1, deltas: Array(1_001).fill(delta) },
    ];
    assert.ok(bad.every((each) => !of(each)));
  });
});

describe('the form of a GetUpdates request', () => {
  const ok = (value: object) => takes(getUpdatesSchema, value);

  it('[GU70] limit 1 to 500, 500 by default; wait 0 to 50, whole seconds; unknown fields are refused', () => {
    assert.equal(getUpdatesSchema.parse({}).limit, 500);
    assert.deepEqual(
      [0, 1, 500, 501, 1.5].map((limit) => ok({ limit })),
      [false, true, true, false, false],
    );
    assert.deepEqual(
      [-1, 0, 50, 51, 2.5].map((wait) => ok({ wait })),
      [false, true, true, false, false],
    );
    assert.ok(!ok({ since: 1 }));
  });

  it('[GU71] ids are ids or prefixes ending in *, at most 100', () => {
    const of = (...ids: string[]) => ok({ ids });
    assert.ok(of('a', 'card:*', '*'));
    for (const bad of ['a*b', '**', 'a/b*', '', 'x'.repeat(129), '..']) assert.ok(!of(bad), bad);
    assert.ok(!ok({ ids: [] }));
    assert.deepEqual(
      [100, 101].map((count) => of(...Array.from({ length: count }, (_, i) => `a${i}`))),
      [true, false],
    );
  });

  it('[GU72] a marker has at most 4,096 characters; known at most 2,000 ids with versions', () => {
    assert.deepEqual(
      [ok({ marker: 'x'.repeat(4_096) }), ok({ marker: 'x'.repeat(4_097) }), ok({ marker: '' })],
      [true, false, false],
    );
    const known = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, i]));
    assert.deepEqual([ok({ known: known(MAX_KNOWN_IDS) }), ok({ known: known(MAX_KNOWN_IDS + 1) })], [true, false]);
    assert.ok(!ok({ known: { 'a b': 1 } }));
    assert.ok(!ok({ known: { a: -1 } }));
  });
});

describe('problems', () => {
  it('[ID3] a problem has status, code, title and detail; retryAfterMs where the same request may succeed later', () => {
    const { problem } = new ProblemError('badMarker', 'what was wrong');
    assert.deepEqual(problem, { status: 400, code: 'badMarker', title: problem.title, detail: 'what was wrong' });
    assert.equal(new ProblemError('overloaded', 'x', { retryAfterMs: 5 }).problem.retryAfterMs, 5);
    assert.equal(new ProblemError('duplicateItem', 'x').problem.status, 422);
    assert.equal(new ProblemError('stopping', 'x').problem.status, 503);
  });
});
