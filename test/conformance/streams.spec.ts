/** The published conformance tests of the Durable Streams protocol, for vitest. `STREAMS_URL`: of the server. */
import { runConformanceTests } from '@durable-streams/server-conformance-tests';

const { STREAMS_URL: baseUrl, STREAMS_WAIT_MS: waitMs } = process.env;
if (baseUrl === undefined || waitMs === undefined) throw new Error('run this by npm run conformance');

runConformanceTests({ baseUrl, longPollTimeoutMs: Number(waitMs) });
