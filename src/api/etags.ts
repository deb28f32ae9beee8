import { ProblemError } from '../protocol/errors.ts';
import { CODINGS, type Coding } from './content.ts';

/** Entity tags as a request lists them; `*` stands for any. */
export type Tags = '*' | readonly string[];

export type Preconditions = { readonly match?: Tags; readonly noneMatch?: Tags };

/** The bytes of a compressed body are others, so it has a tag of its own; it stands for the same version. */
export function versionTag(version: number, coding?: Coding): string {
  return coding === undefined ? `"${version}"` : `"${version}-${coding}"`;
}

export function readPreconditions(headers: {
  readonly 'if-match'?: string;
  readonly 'if-none-match'?: string;
}): Preconditions {
  const match = parseTags('If-Match', headers['if-match']);
  const noneMatch = parseTags('If-None-Match', headers['if-none-match']);
  return { ...(match && { match }), ...(noneMatch && { noneMatch }) };
}

const LIST = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")*$/;
const TAG = /(?:W\/)?"[^"]*"/g;

function parseTags(name: string, header: string | undefined): Tags | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (text === '*') return '*';
  if (!LIST.test(text)) throw new ProblemError('badRequest', `${name} must be * or a list of tags like "7"`);
  return text.match(TAG) ?? [];
}

/** RFC 9110, 13.2.2: `current` is the version of what is asked for, 0 where it is not there unless `exists` says so. `noneMatch`: the caller has it already. */
export function evaluate(
  { match, noneMatch }: Preconditions,
  current: number,
  exists = current > 0,
): 'go' | 'match' | 'noneMatch' {
  const tags = [undefined, ...CODINGS].map((coding) => versionTag(current, coding));
  if (match !== undefined && !(exists && (match === '*' || tags.some((tag) => match.includes(tag))))) return 'match';
  if (noneMatch === undefined || !exists) return 'go';
  if (noneMatch === '*') return 'noneMatch';
  return tags.some((tag) => noneMatch.includes(tag) || noneMatch.includes(`W/${tag}`)) ? 'noneMatch' : 'go';
}

/** In which coding the caller has it already, as far as its tags tell. */
export function heldCoding(noneMatch: Tags | undefined, version: number): Coding | undefined {
  if (noneMatch === undefined || noneMatch === '*' || noneMatch.includes(versionTag(version))) return undefined;
  return CODINGS.find((coding) => noneMatch.includes(versionTag(version, coding)));
}

/** Whether an `If-None-Match` says that the caller has it; `tag` in its strong form. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag);
}
