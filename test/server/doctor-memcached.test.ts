import assert from 'node:assert/strict';
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
    const outcome = parseConfig({
      LONGSHORE_CACHE: `memcached://${running.map(({ port }) => `127.0.0.1:${port}`).join()}`,
      LONGSHORE_CACHE_USERNAME: sasl.username,
      LONGSHORE_CACHE_PASSWORD: password,
      LONGSHORE_SECRET: 'for-the-doctor-0123456789',
    });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    return examineCache(outcome.config, { clock: systemClock, random: systemRandom, log: new RecordedLog() });
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
