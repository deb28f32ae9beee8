import { MAX_JSON_DEPTH } from './limits.ts';

export type JsonFault = 'tooDeep' | 'badKey' | 'badNumber';

/**
 * What makes parsed JSON unfit to be walked and merged by the rest of the program: more than `MAX_JSON_DEPTH` nested arrays
 * and objects (a bare scalar has depth 0), a `__proto__` key anywhere, or a number that no double can hold, which would come back as `null`. Its own
 * recursion ends at that depth.
 */
export function findJsonFault(value: unknown, depth = 1): JsonFault | undefined {
  if (typeof value !== 'object' || value === null)
    return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? 'badNumber' : undefined;
  if (depth > MAX_JSON_DEPTH) return 'tooDeep';
  if (Array.isArray(value)) {
    for (const element of value) {
      const fault = findJsonFault(element, depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  // What JSON.parse makes has no enumerable keys but its own.
  for (const key in value) {
    const fault = key === '__proto__' ? 'badKey' : findJsonFault((value as Record<string, unknown>)[key], depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
