import type { Config } from '../config.ts';
import { LEASE_MS, RENEW_MS } from '../owner.ts';
import { type Finding, fail, ok, warn } from './findings.ts';

/** Clocks that tell whole seconds are up to one off. */
const WARN_MS = 3_000;
const ANSWER_MS = 3_000;
const FIX = 'let this machine keep time by NTP (timedatectl set-ntp true; chronyc tracking shows how far it is off)';

/** `theirs` was told in answer to a question asked at `askedAt`. */
export function describeSkew(who: string, theirs: number, askedAt: number, now = Date.now()): Finding {
  const skew = (askedAt + now) / 2 - theirs;
  const detail = `${(skew / 1_000).toFixed(1)} s apart from ${who}`;
  if (Math.abs(skew) < WARN_MS) return ok('clock', detail);
  if (Math.abs(skew) < LEASE_MS - RENEW_MS) return warn('clock', detail, FIX);
  return fail('clock', `${detail}: the ownership of the store needs less than ${(LEASE_MS - RENEW_MS) / 1_000} s`, FIX);
}

/** Beside the `Date` of the services that are in use. */
export async function examineClock(config: Config): Promise<Finding[]> {
  const urls: string[] = [];
  if (config.store.backend === 'datastore') {
    urls.push(
      config.datastoreEmulator === undefined
        ? 'https://datastore.googleapis.com/'
        : `http://${config.datastoreEmulator}/`,
    );
  }
  if (config.blobs.backend === 'gcs') urls.push(config.storageEmulator ?? 'https://storage.googleapis.com/');
  const findings = await Promise.all(urls.map(besideDate));
  return findings.flat();
}

async function besideDate(url: string): Promise<Finding[]> {
  const askedAt = Date.now();
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    const date = Date.parse(response.headers.get('Date') ?? '');
    // An emulator need not say what time it is; it shares this machine's clock anyway.
    return Number.isNaN(date) ? [] : [describeSkew(new URL(url).host, date, askedAt)];
  } catch {
    return []; // that it cannot be reached is another check's finding
  }
}
