import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { listen, makeApp } from '../api/fixture.ts';
import { needBrowser, Windows } from '../support/browser.ts';

/** What a page may have a browser send without asking. */
const SENDING = `
  // What the answer says is kept from the page; that the request went out is not.
  const post = (path, init) => fetch(base + path, { method: 'POST', mode: 'no-cors', ...init }).catch(() => undefined);
  const plain = { headers: { 'Content-Type': 'text/plain' }, body: 'from elsewhere' };
  navigator.sendBeacon(base + '/v1/spaces/quay/tickets');
  const frame = document.createElement('iframe');
  frame.name = 'sink';
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), { method: 'POST', target: 'sink', action: base + '/v1/spaces/quay/uploads/u1' });
  document.body.append(form);
  form.submit();
  for (const path of ['/v1/spaces/quay/updates?clientId=ann&wait=0', '/v1/spaces/quay/updates/stream?clientId=ann', '/internal/sweep'])
    document.body.append(Object.assign(new Image(), { src: base + path }));
  await Promise.all([
    post('/v1/spaces/quay/clients'),
    post('/v1/spaces/quay/updates', { body: '{}' }),
    post('/v1/spaces/quay/items/a/lock', plain),
    post('/v1/stream/quay/log', plain),
  ]);
`;

const REFUSED = {
  'GET /internal/sweep': 404,
  'GET /v1/spaces/quay/updates': 403,
  'GET /v1/spaces/quay/updates/stream': 403,
  'POST /v1/spaces/quay/clients': 403,
  'POST /v1/spaces/quay/items/a/lock': 403,
  'POST /v1/spaces/quay/tickets': 403,
  'POST /v1/spaces/quay/updates': 403,
  'POST /v1/spaces/quay/uploads/u1': 403,
  'POST /v1/stream/quay/log': 403,
};

describe('a page of another origin, in a browser', function () {
  this.timeout(90_000);
  const windows = new Windows();
  before(function () {
    needBrowser(this);
  });
  afterEach(() => windows.close());

  for (const host of ['127.0.0.1', 'localhost']) {
    it(`[AU73] [AU74] [AU75] at ${host} changes nothing in mode none`, async () => {
      const { listener, engine } = makeApp();
      const answers: { [request: string]: number } = {};
      const all = Promise.withResolvers<void>();
      const noting: RequestListener = (req, res) => {
        res.once('finish', () => {
          answers[`${req.method} ${req.url?.split('?')[0]}`] = res.statusCode;
          if (Object.keys(answers).length === Object.keys(REFUSED).length) all.resolve();
        });
        listener(req, res);
      };
      const here = await listen(noting);
      const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">const base = 'http://127.0.0.1:${here.port}';${SENDING}</script>`;
      const there = await listen(createPage(html));
      try {
        await windows.open(`http://${host}:${there.port}/`, { expected: [/Failed to load resource|blocked/] });
        await all.promise;
        assert.deepEqual(answers, REFUSED);
        const asked = [engine.requests, engine.polls, engine.clientCalls, engine.locks];
        assert.deepEqual([asked.flat(), engine.swept], [[], 0]);
      } finally {
        await Promise.all([here.close(), there.close()]);
      }
    });
  }
});

function createPage(html: string): RequestListener {
  return (_req, res) => {
    res.setHeader('Content-Type', 'text/html');
    res.end(html);
  };
}
