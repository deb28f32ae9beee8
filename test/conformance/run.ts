/**
 * `npm run conformance`: the published tests of the Durable Streams protocol against a server with everything embedded. `npm run conformance -- http://host:port`: against
 * one that runs already. `-t words`: only tests whose title has them. The exit code is 0 when all passed.
 */
import { parseArgs } from 'node:util';
import { CONFORMANCE_TESTS, describeConformance, runConformance, startForConformance } from '../support/conformance.ts';
import { Folder } from '../support/server-process.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { t: { type: 'string', short: 't' } } });
const [url] = positionals;
const folder = new Folder();
const server = url === undefined ? await startForConformance(folder) : undefined;
try {
  const found = await runConformance(url ?? server?.url ?? '', values.t);
  console.log(describeConformance(url ?? 'embedded', found));
  const whole = values.t !== undefined || found.passed === CONFORMANCE_TESTS;
  process.exitCode = whole && found.failed.length === 0 ? 0 : 1;
} finally {
  await server?.end();
  folder.remove();
}
