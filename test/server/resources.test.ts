import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Composed, compose } from '../../src/server/compose.ts';
import { parseConfig } from '../../src/server/config.ts';
import { send } from '../api/fixture.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { Folder } from '../support/server-process.ts';

const PATH = '/v1/spaces/board/resources';
const BYTES = Buffer.from('some bytes');
const HASH = createHash('sha256').update(BYTES).digest('hex');

describe('resources, through the whole server', () => {
  let folder: Folder;
  let server: Composed;

  async function start(): Promise<void> {
    const outcome = parseConfig({
      LONGSHORE_DATA_DIR: folder.path,
      LONGSHORE_LIMITS: 'spaceMiB=1,upload=4,addressFactor=1',
    });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    server = await compose(outcome.config, new RecordedLog());
  }
  const call = (method: string, path: string, body?: Buffer) =>
    send(server.listener, { method, path, ...(body && { body }) });

  beforeEach(async () => {
    folder = new Folder();
    await start();
  });
  afterEach(async () => {
    await server.close(0);
    folder.remove();
  });

  it('[RC20] resources and what they take up are there after a restart', async () => {
    assert.equal((await call('PUT', PATH, BYTES)).status, 201);
    await server.close(0);
    await start();
    assert.equal((await call('GET', `${PATH}/${HASH}`)).text, 'some bytes');
    assert.deepEqual((await call('GET', PATH)).json, {
      count: 1,
      bytes: 10,
      quotaBytes: 1024 ** 2,
      maxCount: 100_000,
    });
    assert.equal((await call('PUT', PATH, BYTES)).status, 200);
  });

  it('[RC34] deleting the space deletes them', async () => {
    await call('PUT', PATH, BYTES);
    assert.equal((await call('DELETE', '/v1/spaces/board')).status, 204);
    assert.equal((await call('GET', `${PATH}/${HASH}`)).status, 404);
    assert.equal((await call('GET', PATH)).json.count, 0);
    assert.equal((await call('PUT', PATH, BYTES)).status, 201);
  });

  it('[RC11] the limits of the settings hold', async () => {
    const large = Buffer.alloc(1024 ** 2 + 1);
    assert.equal((await call('PUT', PATH, large)).json.code, 'quotaExceeded');
    for (let i = 0; i < 20; i++) if ((await call('PUT', PATH, BYTES)).status === 429) return;
    assert.fail('nobody was refused');
  });

  it('[RC33] the sweep of operators looks after them', async () => {
    assert.deepEqual((await call('GET', '/internal/sweep')).json, { swept: 0, pruned: 0, resources: 0, streams: 0 });
  });
});
