import type { Json, JsonObject } from '../base/json.ts';
import { isObject } from '../base/json.ts';

/**
 * JSON Merge Patch, RFC 7396: objects merge by key, `null` removes, anything else replaces. Copies what it changes. Keys are set
 * as own data properties, so that no name reaches a prototype.
 */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...(target as JsonObject) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, mergePatch(Object.hasOwn(result, key) ? (result[key] as Json) : null, value as Json));
  }
  return result;
}

function setOwn(target: Record<string, Json>, key: string, value: Json): void {
  if (key in target && !Object.hasOwn(target, key)) {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else target[key] = value;
}
