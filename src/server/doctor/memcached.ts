import type { MemcachedCache } from '../../backends/cache/memcached.ts';
import type { MemcachedReport } from '../../backends/cache/memcached-report.ts';
import { seenKey } from '../../model/keys.ts';
import { isFailure } from '../../ports/failure.ts';
import { MAX_RECORD_BYTES } from '../../protocol/limits.ts';
import { type MemcachedChoice, openMemcached, type SystemParts } from '../backends.ts';
import type { Config } from '../config.ts';
import { describeSkew } from './clocks.ts';
import { type Finding, fail, messageOf, ok, warn } from './findings.ts';

const KEPT_SECONDS = 60;
/** Longer than a server waits: that a machine is busy for a moment says nothing of how it is set up. */
const ANSWER_MS = 3_000;

/** Each server of memcached: whether it does what is asked of it, and how it is set. */
export async function examineCache(config: Config, parts: SystemParts): Promise<Finding[]> {
  const { cache } = config;
  if (cache.backend === 'memory') return [ok('cache', 'in this process; every update is stored before its answer')];
  const findings = await Promise.all(
    cache.servers.map((server) =>
      examineServer({ ...cache, servers: [server] }, parts, `${server.host}:${server.port}`),
    ),
  );
  return findings.flat();
}

/** `choice` has this one server. */
async function examineServer(choice: MemcachedChoice, parts: SystemParts, name: string): Promise<Finding[]> {
  const cache = openMemcached(choice, parts, ANSWER_MS);
  try {
    const began = performance.now();
    await cache.ping();
    const took = performance.now() - began;
    const key = seenKey('#doctor', parts.random.id());
    const whole = Buffer.alloc(MAX_RECORD_BYTES, 'x');
    await cache.set(key, whole, KEPT_SECONDS);
    const [entry] = await cache.get([key]);
    if (entry?.value.length !== whole.length) {
      const fix = 'give memcached more memory (-m), and items of 1 MB (-I 1m, its default)';
      return [fail('cache', `${name} did not keep a record of ${MAX_RECORD_BYTES} bytes`, fix)];
    }
    const swapped = await cache.cas(key, Buffer.from('y'), entry.token, KEPT_SECONDS);
    const appended = await cache.append(key, Buffer.from('z'));
    const [after] = await cache.get([key]);
    await cache.delete(key);
    if (swapped.status !== 'stored' || !appended || after?.value.toString() !== 'yz') {
      return [
        fail('cache', `${name} does not do cas and append as memcached does`, 'use memcached itself, 1.5 or newer'),
      ];
    }
    return [ok('cache', `${name} keeps what it is given, ${took.toFixed(1)} ms`), ...(await examineStats(cache, name))];
  } catch (error) {
    return [describeTrouble(error, name, choice)];
  } finally {
    await cache.close();
  }
}

function describeTrouble(error: unknown, name: string, { username }: MemcachedChoice): Finding {
  if (isFailure(error, 'cacheFull', 'tooLarge')) {
    const fix = 'give memcached more memory (-m), and items of 1 MB (-I 1m, its default)';
    return fail('cache', `${name} does not take a record of ${MAX_RECORD_BYTES} bytes`, fix);
  }
  const who =
    username === undefined
      ? 'does it ask for a password? (LONGSHORE_CACHE_USERNAME, LONGSHORE_CACHE_PASSWORD)'
      : 'are name and password right?';
  const fix = `start it (memcached -l 127.0.0.1 -p 11211 -M -m 256), let this machine reach it; ${who}`;
  return fail('cache', `${name}: ${messageOf(error)}`, fix);
}

/** Its settings, counters and clock, over the connection that has signed in. */
async function examineStats(cache: MemcachedCache, name: string): Promise<Finding[]> {
  const askedAt = Date.now();
  const [report] = await cache.inspect().catch(() => []);
  if (report === undefined)
    return [warn('cache memory', `${name} does not tell how it is set`, 'see that nothing stands between')];
  const findings = [describeMemory(report, name)];
  if (report.timeMs > 0) findings.push(describeSkew(`memcached at ${name}`, report.timeMs, askedAt));
  return findings;
}

function describeMemory({ evictions, evictionsOn, limitBytes, version }: MemcachedReport, name: string): Finding {
  const mib = Math.round(limitBytes / 1024 / 1024);
  if (evictions > 0) {
    const detail = `${name} has thrown away ${evictions} records for want of room in ${mib} MiB`;
    return warn('cache memory', detail, 'give it more memory (-m)');
  }
  if (evictionsOn) {
    const fix =
      'start it with -M: full, it then refuses what is new, and Longshore says so, instead of losing what is there';
    return warn('cache memory', `${name} may throw away records when its ${mib} MiB are full`, fix);
  }
  return ok('cache memory', `${name} has ${mib} MiB, memcached ${version}`);
}
