import type { CasToken } from '../../ports/cache.ts';
import { Failure } from '../../ports/failure.ts';
import type { MemcachedAnswer } from './memcached-answers.ts';

/** Valid on the connection it came over: memcached counts from the start again after a restart. */
export type MemcachedToken = { readonly generation: object; readonly high: number; readonly low: number };

export function readToken(answer: MemcachedAnswer, generation: object): CasToken {
  const { casHigh: high, casLow: low } = answer;
  // A request with token 0 is carried out unchecked.
  if (high === 0 && low === 0) {
    throw new Failure('cacheUnavailable', 'memcached runs without cas (option -C)', { unclear: true });
  }
  const token: MemcachedToken = { generation, high, low };
  return token as unknown as CasToken;
}
