import type { Kind, Kinds } from './kind.ts';
import { log } from './log/log.ts';
import { picture } from './picture.ts';
import { register } from './register.ts';
import { set } from './set.ts';
import { text } from './text/text.ts';

/** The kinds this server knows, by name. */
export const KINDS: Kinds = new Map<string, Kind>(
  [register as Kind, text as Kind, set as Kind, log as Kind, picture as Kind].map((kind) => [kind.name, kind]),
);

export const DEFAULT_KIND = register.name;
