/** Floor A: what bare `node:http` needs for the job, and nothing else. FROZEN: ratios are taken against this file and `floor-space.ts`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerPosition, poll, readUpdate, spaceOf, startSweep } from './floor-space.ts';

const server = createServer((req, res) => {
  if (req.method === 'GET') {
    poll(req, res);
    return;
  }
  readUpdate(req, (update) => {
    const space = spaceOf(req.url ?? '');
    space.append(update);
    answerPosition(res, space);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
startSweep();
process.on('SIGTERM', () => process.exit(0));
