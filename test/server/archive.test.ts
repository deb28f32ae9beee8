import assert from 'node:assert/strict';
import { archiveOf } from '../../src/server/archive.ts';
import { parseConfig } from '../../src/server/config.ts';
import { MemoryBlobs } from '../doubles/memory-blobs.ts';

const DAY_MS = 86_400_000;

function afterMs(env: Record<string, string>): number | undefined {
  const outcome = parseConfig(env);
  assert(outcome.ok, JSON.stringify(outcome));
  const blobs = new MemoryBlobs();
  const archive = archiveOf(outcome.config, blobs);
  assert.equal(archive.blobs, blobs);
  return archive.afterMs;
}

describe('when archived operations go to the blobs', () => {
  it('[AR8] after a week, or what is set, and never with 0', () => {
    assert.equal(afterMs({}), 7 * DAY_MS);
    assert.equal(afterMs({ LONGSHORE_ARCHIVE_MS: '2592000000' }), 30 * DAY_MS);
    assert.equal(afterMs({ LONGSHORE_ARCHIVE_MS: '0' }), undefined);
    for (const wrong of ['-1', 'a week', '400000000000', '1e9'])
      assert.equal(parseConfig({ LONGSHORE_ARCHIVE_MS: wrong }).ok, false, wrong);
  });

  it('[AR8] only where the blobs last as long as the store', () => {
    const lasting = (store: string, blobs: string) =>
      afterMs({ LONGSHORE_STORE: store, LONGSHORE_BLOBS: blobs }) !== undefined;
    assert.equal(lasting('datastore:p', 'gs://bucket'), true);
    assert.equal(lasting('sqlite:/data/store', 'gs://bucket'), true);
    assert.equal(lasting('sqlite:/data/store', 'folder:/data/blobs'), true);
    assert.equal(lasting('datastore:p', 'folder:/data/blobs'), false);
    assert.equal(lasting('memory:', 'folder:/data/blobs'), false);
    assert.equal(lasting('memory:', 'gs://bucket'), false);
  });
});
