import type { Kind, Kinds } from './kind.ts';
import { register } from './register.ts';
import { set } from './set.ts';

/** The kinds this server knows, by name. */
export const KINDS: Kinds = new Map<string, Kind>([
  [register.name, register as Kind],
  [set.name, set as Kind],
]);

export const DEFAULT_KIND = register.name;
