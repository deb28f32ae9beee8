import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTP_OPTIONS } from '../../src/server/http-server.ts';
import {
  CONFORMANCE_SETTINGS,
  CONFORMANCE_TESTS,
  type Conformance,
  describeConformance,
  runConformance,
  startForConformance,
} from '../support/conformance.ts';
import { Folder } from '../support/server-process.ts';
import { Cluster } from './cluster.ts';

/** Of a part of the protocol that is reserved, and that the suite leaves out unless it is asked for it. */
const RESERVED = /^Reserved subscription APIs /;

function assertWhole(where: string, found: Conformance): void {
  console.log(`      ${describeConformance(where, { ...found, skipped: [] })}, ${found.skipped.length} reserved`);
  assert.deepEqual(found.failed, []);
  assert.equal(found.passed, CONFORMANCE_TESTS);
  assert.deepEqual(
    found.skipped.filter((title) => !RESERVED.test(title)),
    [],
  );
}

/** Sends each request to the next of the servers. */
async function alternate(urls: readonly string[]): Promise<{ url: string; server: Server }> {
  let count = 0;
  // As long as the servers keep their connections: nothing is sent on one that is just being closed.
  const server = createServer({ keepAliveTimeout: HTTP_OPTIONS.keepAliveTimeout }, (req, res) => {
    const target = new URL(req.url ?? '/', urls[count++ % urls.length]);
    const { headers, method } = req;
    const onward = request(target, { headers, method }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('the published tests of the Durable Streams protocol', function () {
  this.timeout(420_000);

  it('[DS1] all pass with everything embedded', async () => {
    const folder = new Folder();
    const server = await startForConformance(folder);
    try {
      assertWhole('embedded', await runConformance(server.url));
    } finally {
      await server.end();
      folder.remove();
    }
  });

  it('[DS2] all pass with memcached and Datastore, each request at the other one of two servers', async function () {
    const cluster = await Cluster.start(this, { name: 'conformance', servers: 2, env: CONFORMANCE_SETTINGS });
    const { url, server } = await alternate(cluster.servers.map((each) => each.url));
    try {
      assertWhole('memcached and Datastore, two servers', await runConformance(url));
    } finally {
      server.closeAllConnections();
      server.close();
      await cluster.stop();
    }
  });
});
