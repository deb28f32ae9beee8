import { connect } from 'node:net';
import { seenKey } from '../../model/keys.ts';
import { isFailure } from '../../ports/failure.ts';
import { MAX_RECORD_BYTES } from '../../protocol/limits.ts';
import type { CacheChoice } from '../backend-urls.ts';
import { openCache, type SystemParts } from '../backends.ts';
import type { Config } from '../config.ts';
import { describeSkew } from './clocks.ts';
import { type Finding, fail, messageOf, ok, warn } from './findings.ts';

type Memcached = Extract<CacheChoice, { backend: 'memcached' }>;
type Server = Memcached['servers'][number];

const KEPT_SECONDS = 60;
const STATS_MS = 2_000;
/** Longer than a server waits: that a machine is busy for a moment says nothing of how it is set up. */
const ANSWER_MS = 3_000;

/** Each server of memcached: whether it does what is asked of it, and how it is set. */
export async function examineCache(config: Config, parts: SystemParts): Promise<Finding[]> {
  const { cache } = config;
  if (cache.backend === 'memory') return [ok('cache', 'in this process; every update is stored before its answer')];
  const findings = await Promise.all(cache.servers.map((server) => examineServer(config, cache, server, parts)));
  return findings.flat();
}

async function examineServer(config: Config, all: Memcached, server: Server, parts: SystemParts): Promise<Finding[]> {
  const name = `${server.host}:${server.port}`;
  const cache = openCache({ ...config, cache: { ...all, servers: [server] } }, parts, ANSWER_MS);
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
    return [
      ok('cache', `${name} keeps what it is given, ${took.toFixed(1)} ms`),
      ...(await examineStats(all, server, name)),
    ];
  } catch (error) {
    return [describeTrouble(error, name, all)];
  } finally {
    await cache.close();
  }
}

function describeTrouble(error: unknown, name: string, { username }: Memcached): Finding {
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

/** Its settings, counters and clock, over the text protocol, which it does not speak where it asks for passwords. */
async function examineStats(all: Memcached, server: Server, name: string): Promise<Finding[]> {
  if (all.username !== undefined)
    return [ok('cache memory', `${name} tells nothing of itself where it asks for a password`)];
  const askedAt = Date.now();
  const stats = await readStats(server).catch(() => undefined);
  if (stats === undefined)
    return [warn('cache memory', `${name} does not answer "stats"`, 'see that nothing stands between')];
  const findings: Finding[] = [];
  const evicted = Number(stats.get('evictions') ?? 0);
  const mib = Math.round(Number(stats.get('limit_maxbytes') ?? 0) / 1024 / 1024);
  if (evicted > 0) {
    findings.push(
      warn(
        'cache memory',
        `${name} has thrown away ${evicted} records for want of room in ${mib} MiB`,
        'give it more memory (-m)',
      ),
    );
  } else if (stats.get('settings evictions') === 'on') {
    const fix =
      'start it with -M: full, it then refuses what is new, and Longshore says so, instead of losing what is there';
    findings.push(warn('cache memory', `${name} may throw away records when its ${mib} MiB are full`, fix));
  } else findings.push(ok('cache memory', `${name} has ${mib} MiB, memcached ${stats.get('version') ?? '?'}`));
  const time = Number(stats.get('time')) * 1_000;
  if (time > 0) findings.push(describeSkew(`memcached at ${name}`, time, askedAt));
  return findings;
}

function readStats({ host, port }: Server): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const stats = new Map<string, string>();
    let text = '';
    socket.setTimeout(STATS_MS, () => socket.destroy(new Error('silent')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const ends = text.split('END\r\n');
      if (ends.length < 3) return;
      for (const [place, part] of ends.entries()) {
        for (const [, key = '', value = ''] of part.matchAll(/^STAT (\S+) (.*?)\r$/gm))
          stats.set(place === 0 ? key : `settings ${key}`, value);
      }
      resolve(stats);
      socket.destroy();
    });
    socket.write('stats\r\nstats settings\r\n');
  });
}
