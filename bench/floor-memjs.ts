/** Floor C: floor A with a memjs get and a memjs set before each post. FROZEN, as floor A. Argument: the address of memcached. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'memjs';
import { answerPosition, poll, readUpdate, spaceOf, startSweep } from './floor-space.ts';

const client = Client.create(process.argv[2] ?? '127.0.0.1:11211');

const server = createServer((req, res) => {
  if (req.method === 'GET') {
    poll(req, res);
    return;
  }
  readUpdate(req, async (update) => {
    const url = req.url ?? '';
    const key = url.slice(3).replace('?', '/');
    await client.get(key);
    await client.set(key, update, { expires: 0 });
    const space = spaceOf(url);
    space.append(update);
    answerPosition(res, space);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
startSweep();
process.on('SIGTERM', () => process.exit(0));
