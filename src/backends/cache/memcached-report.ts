import { StatExchange } from './memcached-exchanges.ts';
import type { MemcachedLink } from './memcached-link.ts';

/** What an operator has to know about a node: is it the kind of memcached that a source of truth can live in? */
export type MemcachedReport = {
  readonly node: string;
  readonly version: string;
  /** False with option `-M`: a full cache refuses instead of forgetting. */
  readonly evictionsOn: boolean;
  /** Records forgotten for want of room since the node started; anything above 0 is an alarm. */
  readonly evictions: number;
  readonly limitBytes: number;
  /** Its clock: ms since 1970, of whole seconds. 0 where it does not tell. */
  readonly timeMs: number;
};

/** Fails with `cacheUnavailable`. */
export async function reportOn(node: string, link: MemcachedLink): Promise<MemcachedReport> {
  const [general, settings] = await Promise.all([
    link.send(new StatExchange('')),
    link.send(new StatExchange('settings')),
  ]);
  const number = (name: string) => Number(general.get(name) ?? 0);
  return {
    node,
    version: general.get('version') ?? '',
    evictionsOn: settings.get('evictions') !== 'off',
    evictions: number('evictions'),
    limitBytes: number('limit_maxbytes'),
    timeMs: number('time') * 1_000,
  };
}
