import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Page } from 'playwright-core';
import { BrowserPackages } from '../../src/api/browser-packages.ts';
import { createPages } from '../../src/api/page.ts';
import type { MakeSocket, SocketLike } from '../../src/client/connect.ts';
import { PageSuite } from './page-suite.ts';

describe('pages and modules in a browser', function () {
  const site = new PageSuite(this);
  const { windows } = site;

  it('[PG1] the first page runs as the repository has it', async () => {
    const page = await windows.open(`${site.url}/`);
    await page.locator('#status[data-state="live"]').waitFor();
    assert.equal(await page.title(), 'demo · Longshore');
  });

  it('[PG1] [SDK101] the client library is loaded as a module and follows a space', async () => {
    const page = await windows.open(`${site.url}/`);
    const seen = await page.evaluate(async () => {
      const address = '/modules/client/connect.js';
      const { connect } = (await import(address)) as typeof import('../../src/client/connect.ts');
      const space = connect({ url: location.origin, space: 'modules' });
      await space.ready();
      const outcome = await space.item('a').set({ x: 1 });
      space.close();
      const [made, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const webSocket: MakeSocket = (url, protocol) => {
        const socket = new WebSocket(url, protocol);
        socket.addEventListener('close', () => ended.resolve());
        made.resolve();
        return socket as SocketLike;
      };
      const again = connect({ url: location.origin, space: 'modules', transport: 'websocket', webSocket });
      await made.promise;
      again.close(); // the socket is being opened just now
      await ended.promise;
      return outcome.result;
    });
    assert.equal(seen, 'ok');
  });

  for (const locks of [true, false])
    it(`[SDK104] [SDK105] a duplicated tab goes by a name of its own, and each keeps its name when it is loaded again (${locks ? 'Web Locks' : 'without'})`, async () => {
      const first = await windows.open(`${site.url}/`);
      if (!locks) {
        // As for pages without TLS.
        await first
          .context()
          .addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
        await first.reload();
      }
      const follow = (page: Page): Promise<string> =>
        page.evaluate(async () => {
          const address = '/modules/client/connect.js';
          const { connect, webStorage } = (await import(address)) as typeof import('../../src/client/connect.ts');
          const storage = webStorage(sessionStorage, 'tab');
          const space = connect({ url: location.origin, space: 'modules', storage });
          await space.ready();
          await space.item('b').set(1);
          await space.flush();
          return space.clientId;
        });
      const name = await follow(first);
      const opened = first.waitForEvent('popup');
      await first.evaluate(() => void window.open(location.href)); // which copies the session storage
      const second = await opened;
      const another = await follow(second);
      assert.notEqual(another, name);
      await Promise.all([first.reload(), second.reload()]);
      assert.deepEqual([await follow(second), await follow(first)], [another, name]);
    });

  it('[PG6] a package is imported by its name, and inline scripts other than the import map do not run', async () => {
    const app = express().use(createPages(new BrowserPackages(['lru-cache'])));
    const own: Server = createServer(app).listen(0, '127.0.0.1');
    await once(own, 'listening');
    try {
      const expected = [/TrustedScript|inline script/, /404/];
      const page = await windows.open(`http://127.0.0.1:${(own.address() as AddressInfo).port}/board/demo`, {
        expected,
      });
      const size = await page.evaluate(async () => {
        const name = 'lru-cache';
        const { LRUCache } = (await import(name)) as typeof import('lru-cache');
        const script = document.createElement('script');
        script.append('window.ran = true');
        document.body.append(script);
        return [new LRUCache({ max: 7 }).max, 'ran' in window];
      });
      assert.deepEqual(size, [7, false]);
    } finally {
      own.close();
      own.closeAllConnections();
    }
  });
});
