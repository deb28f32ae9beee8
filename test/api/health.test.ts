import assert from 'node:assert/strict';
import type { InternalAccess } from '../../src/api/app-deps.ts';
import { makeApp, send } from './fixture.ts';

const SECRET = 'k'.repeat(32);

describe('operations', () => {
  it('[HT50] healthz looks at the process alone', async () => {
    const app = makeApp({ ready: () => Promise.reject(new Error('not asked')) });
    for (const path of ['/healthz', '/_ah/start']) {
      assert.deepEqual((await send(app.listener, { path })).json, { status: 'ok' });
    }
  });

  it('[HT51] readyz names every dependency, and is 503 when one of them fails', async () => {
    const report = {
      ready: false,
      dependencies: { cache: { state: 'ok' }, store: { state: 'failed', detail: 'closed' } },
    } as const;
    const { listener } = makeApp({ ready: async () => report });
    for (const path of ['/readyz', '/_ah/warmup']) {
      const { status, json, headers } = await send(listener, { path });
      assert.deepEqual([status, json, headers['retry-after']], [503, report, '1']);
    }
    assert.equal((await send(makeApp().listener, { path: '/readyz' })).status, 200);
  });

  type Case = readonly [who: string, access: InternalAccess, headers: Record<string, string>, allowed: boolean];
  const cases: readonly Case[] = [
    ['this machine', { locally: true, onAppEngine: false }, {}, true],
    ['this machine for somebody else', { locally: true, onAppEngine: false }, { 'X-Forwarded-For': '1.2.3.4' }, false],
    ['a web page on this machine', { locally: true, onAppEngine: false }, { Origin: 'https://evil.example' }, false],
    ['an image of such a page', { locally: true, onAppEngine: false }, { 'Sec-Fetch-Site': 'cross-site' }, false],
    ['one of its neighbour', { locally: true, onAppEngine: false }, { 'Sec-Fetch-Site': 'same-site' }, false],
    ['who types the address', { locally: true, onAppEngine: false }, { 'Sec-Fetch-Site': 'none' }, true],
    [
      'a claimed cron elsewhere',
      { locally: true, onAppEngine: false },
      { 'X-Appengine-Cron': 'true', Forwarded: 'for=1.2.3.4' },
      false,
    ],
    ['this machine where identities are on', { locally: false, onAppEngine: false }, {}, false],
    ['anybody on App Engine', { locally: true, onAppEngine: true }, {}, false],
    [
      'the holder of the secret',
      { locally: true, onAppEngine: true, secret: SECRET },
      { 'Longshore-Internal': SECRET },
      true,
    ],
    [
      'a wrong secret',
      { locally: true, onAppEngine: true, secret: SECRET },
      { 'Longshore-Internal': `${SECRET}x` },
      false,
    ],
    ['an empty secret', { locally: true, onAppEngine: true, secret: SECRET }, { 'Longshore-Internal': '' }, false],
    [
      'any secret where none is set',
      { locally: true, onAppEngine: true },
      { 'Longshore-Internal': 'undefined' },
      false,
    ],
  ];
  for (const [who, internal, headers, allowed] of cases) {
    it(`[HT52] [AU75] ${allowed ? 'opens' : 'hides'} sweep and metrics ${allowed ? 'to' : 'from'} ${who}`, async () => {
      const { listener, engine } = makeApp({ internal });
      for (const path of ['/internal/sweep', '/metrics']) {
        assert.equal((await send(listener, { path, headers })).status, allowed ? 200 : 404, path);
      }
      assert.equal(engine.swept, allowed ? 1 : 0);
    });
  }

  it('[HT54] opens the sweep to the cron of App Engine, there alone, and nothing but the sweep', async () => {
    const headers = { 'X-Appengine-Cron': 'true' };
    const ask = async (onAppEngine: boolean, path: string) => {
      const { listener } = makeApp({ internal: { locally: false, onAppEngine } });
      return (await send(listener, { path, headers })).status;
    };
    assert.equal(await ask(true, '/internal/sweep'), 200);
    assert.equal(await ask(true, '/metrics'), 404);
    assert.equal(await ask(false, '/internal/sweep'), 404);
  });

  it('[HT53] metrics are what Prometheus reads', async () => {
    const { text, headers } = await send(makeApp().listener, { path: '/metrics' });
    assert.equal(text, 'longshore_up 1\n');
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4');
  });
});
