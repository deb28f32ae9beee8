import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type Composed, compose } from '../../src/server/compose.ts';
import { parseConfig } from '../../src/server/config.ts';
import { JSON_TYPE, postJson, send } from '../api/fixture.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { Folder } from '../support/server-process.ts';

const UPDATES = '/v1/spaces/board/updates';

describe('compose', () => {
  let folder: Folder;
  let open: Composed[];

  beforeEach(() => {
    folder = new Folder();
    open = [];
  });

  afterEach(async () => {
    for (const one of open) await one.close(0);
    folder.remove();
  });

  async function start(env: Record<string, string> = {}): Promise<Composed> {
    const outcome = parseConfig({ LONGSHORE_DATA_DIR: folder.path, ...env });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const composed = await compose(outcome.config, new RecordedLog());
    open.push(composed);
    return composed;
  }

  it('[CF30] embedded: every live answer is of its documented form', async () => {
    const { listener } = await start();
    const item = '/v1/spaces/board/items/a';
    const ask = (method: string, path: string, body?: unknown, headers = {}) =>
      send(listener, {
        method,
        path,
        headers: { ...JSON_TYPE, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const posted = await postJson(listener, UPDATES, {
      clientId: 'c',
      seq: 1,
      updates: [
        { item: 'a', op: { set: { x: 1 } } },
        { item: 'b', op: { nonsense: 1 } },
        { item: 'c', op: { set: 1 }, ifVersion: 4 },
      ],
    });
    assert.deepEqual(
      posted.json.results.map(({ result }: { result: string }) => result),
      ['ok', 'invalid', 'conflict'],
    );
    const first = await ask('GET', UPDATES);
    assert.deepEqual(
      first.json.items.map(({ value }: { value: unknown }) => value),
      [{ x: 1 }],
    );
    const waiting = ask('GET', `${UPDATES}?marker=${first.json.marker}&wait=20`);
    assert.equal((await ask('PATCH', item, { y: 2 })).status, 200);
    assert.equal((await waiting).json.items[0].id, 'a');
    assert.deepEqual((await ask('GET', item)).json, { x: 1, y: 2 });
    assert.equal((await ask('PUT', item, 5, { 'If-Match': '"1"' })).status, 412);
    assert.equal((await ask('PUT', '/v1/spaces/board/items/n', 5, { 'If-None-Match': '*' })).status, 201);
    assert.equal((await ask('DELETE', item)).status, 204);
    assert.equal((await ask('GET', item)).status, 404);
    const after = await ask('GET', `${UPDATES}?marker=${first.json.marker}&wait=0`);
    assert.deepEqual(after.json.items.find(({ id }: { id: string }) => id === 'a')?.deleted, true);
    assert.equal((await ask('GET', `${UPDATES}?marker=forged`)).json.code, 'badMarker');
    assert.equal((await ask('GET', `${UPDATES}?marker=${first.json.marker}&ids=a`)).json.code, 'filterChanged');
    assert.equal((await postJson(listener, `${UPDATES}:get`, { known: { zz: 3 } })).status, 200);
    for (const path of ['/readyz', '/internal/sweep', '/metrics', '/healthz'])
      assert.equal((await ask('GET', path)).status, 200, path);
  });

  it('[CF31] embedded: what was answered is there after the next start', async () => {
    const one = await start();
    await postJson(one.listener, UPDATES, { updates: [{ item: 'a', op: { set: 'kept' } }] });
    await one.close(0);
    const { listener } = await start();
    assert.equal((await send(listener, { path: '/v1/spaces/board/items/a' })).json, 'kept');
  });

  it('[CF31] embedded: markers go on across a restart', async () => {
    const one = await start();
    const { json } = await send(one.listener, { path: UPDATES });
    await one.close(0);
    const { listener } = await start();
    const next = await send(listener, { path: `${UPDATES}?marker=${json.marker}&wait=0` });
    assert.equal(next.status, 200);
    assert.ok(next.json.mustReset?.reason === 'epoch' || next.json.mustReset === undefined, next.text);
  });

  it('[CF32] one folder serves one process, and a start that fails leaves nothing open', async () => {
    const first = await start();
    await assert.rejects(start(), /in use by another process/);
    await first.close(0);
    await start();
    assert.ok(readdirSync(folder.path).includes('secret'));
  });

  it('[CF27] /metrics tells at once what has changed', async () => {
    const { listener, engine, close } = await start();
    const { json } = await send(listener, { path: UPDATES });
    const waiting = send(listener, { path: `${UPDATES}?marker=${json.marker}&wait=50` });
    const parked = async () =>
      /^longshore_parked_polls (\d+)$/m.exec((await send(listener, { path: '/metrics' })).text)?.[1];
    while (engine.stats().parkedPolls === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await parked(), '1');
    await postJson(listener, UPDATES, { updates: [{ item: 'a', op: { set: 1 } }] });
    assert.equal((await waiting).status, 200);
    assert.equal(await parked(), '0');
    await close(0);
  });

  it('[CF33] stopping answers parked polls with a retry hint', async () => {
    const composed = await start();
    const { json } = await send(composed.listener, { path: UPDATES });
    const waiting = send(composed.listener, { path: `${UPDATES}?marker=${json.marker}&wait=50` });
    while (composed.engine.stats().parkedPolls === 0) await new Promise((resolve) => setImmediate(resolve));
    await composed.close(1_000);
    const answer = await waiting;
    assert.deepEqual([answer.status, answer.json.code], [503, 'stopping']);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  });
});
