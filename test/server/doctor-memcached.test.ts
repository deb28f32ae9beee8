import assert from 'node:assert/strict';
import { MAX_RECORD_BYTES } from '../../src/protocol/limits.ts';
import { parseConfig } from '../../src/server/config.ts';
import type { Finding } from '../../src/server/doctor/findings.ts';
import { examineCache } from '../../src/server/doctor/memcached.ts';
import { systemClock, systemRandom } from '../../src/server/system.ts';
import {
  findMemcached,
  MEMCACHED_MISSING,
  type RunningMemcached,
  saslProblem,
  startMemcached,
} from '../support/memcached.ts';
import { skipFor } from '../support/need.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

describe('doctor, memcached that asks for a password', function () {
  this.timeout(60_000);
  const sasl = { username: 'longshore', password: 'only for tests' };
  const running: RunningMemcached[] = [];

  before(function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    const problem = saslProblem();
    if (problem !== undefined) skipFor(this, problem);
  });
  afterEach(async () => {
    for (const memcached of running.splice(0)) await memcached.stop();
  });

  async function examineBoth(password: string): Promise<readonly Finding[]> {
    running.push(await startMemcached({ sasl, args: ['-M', '-m', '32'] }), await startMemcached({ sasl }));
    return examine({
      LONGSHORE_CACHE: `memcached://${running.map(({ port }) => `127.0.0.1:${port}`).join()}`,
      LONGSHORE_CACHE_USERNAME: sasl.username,
      LONGSHORE_CACHE_PASSWORD: password,
    });
  }

  it('[CI32] room, evictions and clock of each of two', async () => {
    const findings = await examineBoth(sasl.password);
    const [one, two] = running.map(({ port }) => `127.0.0.1:${port}`);
    const told = findings.map(({ check, level, detail }) => `${level} ${check}: ${detail}`);
    assert.equal(told.length, 6, told.join('\n'));
    assert.match(told[1] ?? '', new RegExp(`^ok cache memory: ${one} has 32 MiB, memcached \\d`));
    assert.match(told[2] ?? '', new RegExp(`^ok clock: -?\\d\\.\\d s apart from memcached at ${one}$`));
    assert.match(told[4] ?? '', new RegExp(`^warn cache memory: ${two} may throw away records when its 64 MiB`));
    assert.match(told[5] ?? '', new RegExp(`^ok clock: .* memcached at ${two}$`));
  });

  it('[CI32] with a wrong password each fails, and what to fix is said', async () => {
    const findings = await examineBoth('a wrong one');
    assert.deepEqual(
      findings.map(({ level, fix = '' }) => [level, /are name and password right\?/.test(fix)]),
      [
        ['fail', true],
        ['fail', true],
      ],
    );
    assert.ok(!JSON.stringify(findings).includes('a wrong one'));
  });
});

describe('doctor, memcached that tells nothing of itself', () => {
  before(function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
  });

  it('[CI33] is a warning, and its clock is not judged', async () => {
    const memcached = await startMemcached({ args: ['-M'] });
    const proxy = await TcpProxy.start(memcached.port);
    // All answers but the statistics are the one large record and some 300 bytes; the statistics are more than 1,000.
    proxy.setMode({ kind: 'cutAfter', bytes: MAX_RECORD_BYTES + 800 });
    try {
      const findings = await examine({ LONGSHORE_CACHE: `memcached://127.0.0.1:${proxy.port}` });
      assert.deepEqual(
        findings.map(({ check, level }) => [check, level]),
        [
          ['cache', 'ok'],
          ['cache memory', 'warn'],
        ],
      );
      assert.match(findings[1]?.detail ?? '', /does not tell how it is set/);
    } finally {
      await proxy.stop();
      await memcached.stop();
    }
  });
});

function examine(env: Record<string, string>): Promise<Finding[]> {
  const outcome = parseConfig({ LONGSHORE_SECRET: 'for-the-doctor-0123456789', ...env });
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return examineCache(outcome.config, { clock: systemClock, random: systemRandom, log: new RecordedLog() });
}
