import { ProblemError } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import { ID_RULE, isId } from '../protocol/ids.ts';
import {
  DEFAULT_ITEMS_PER_ANSWER,
  MAX_IDS_IN_FILTER,
  MAX_ITEMS_PER_ANSWER,
  MAX_MARKER_CHARS,
  MAX_WAIT_SECONDS,
} from '../protocol/limits.ts';

/** As in `getUpdatesSchema`; a test holds the two against each other. */
const MAX_KINDS = 16;
const MAX_KIND_CHARS = 32;

/**
 * The parameters of a query string (without `?`). Each may be there once; a name that is not known is refused, so that a
 * misspelled parameter is never silently without effect. `+` stands for itself.
 */
export function parseQuery<Name extends string>(
  search: string,
  names: readonly Name[],
): { readonly [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  if (search === '') return found;
  for (const pair of search.split('&')) {
    const end = pair.indexOf('=');
    const name = decode(end < 0 ? pair : pair.slice(0, end)) as Name;
    if (!names.includes(name)) {
      const allowed = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
      throw new ProblemError('badRequest', `unknown query parameter "${name.slice(0, 40)}"; ${allowed}`);
    }
    if (found[name] !== undefined) {
      throw new ProblemError('badRequest', `the query parameter "${name}" is given more than once`);
    }
    found[name] = end < 0 ? '' : decode(pair.slice(end + 1));
  }
  return found;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new ProblemError('badRequest', 'the query is not percent-encoded UTF-8', { cause });
  }
}

const UPDATES_NAMES = ['marker', 'wait', 'limit', 'kinds', 'ids', 'clientId', 'durable'] as const;

/** The query of `GET …/updates`, to the same effect as `getUpdatesSchema` but without its cost: every re-poll passes here. */
export function parseUpdatesQuery(search: string): GetUpdatesQuery {
  return readUpdates(parseQuery(search, UPDATES_NAMES));
}

const STREAM_NAMES = ['marker', 'limit', 'kinds', 'ids', 'clientId', 'durable', 'ticket'] as const;

/** The query of `GET …/updates/stream`, which waits by itself. */
export function parseStreamQuery(search: string): { readonly query: GetUpdatesQuery; readonly ticket?: string } {
  const { ticket, ...asked } = parseQuery(search, STREAM_NAMES);
  return { query: readUpdates(asked), ...(ticket !== undefined && { ticket }) };
}

function readUpdates(asked: { readonly [name in (typeof UPDATES_NAMES)[number]]?: string }): GetUpdatesQuery {
  const { marker, wait, limit, kinds, ids, clientId, durable } = asked;
  const query: GetUpdatesQuery = {
    limit: limit === undefined ? DEFAULT_ITEMS_PER_ANSWER : readInteger('limit', limit, 1, MAX_ITEMS_PER_ANSWER),
    durable: durable === undefined ? false : readBoolean('durable', durable),
  };
  if (marker !== undefined) query.marker = readMarker('marker', marker);
  if (wait !== undefined) query.wait = readInteger('wait', wait, 0, MAX_WAIT_SECONDS);
  if (kinds !== undefined) query.kinds = readKinds(kinds);
  if (ids !== undefined) query.ids = readPatterns(ids);
  if (clientId !== undefined) {
    if (!isId(clientId)) throw new ProblemError('badId', `clientId must be ${ID_RULE}`);
    query.clientId = clientId;
  }
  return query;
}

export function readMarker(name: string, text: string): string {
  return readText(name, text, MAX_MARKER_CHARS);
}

export function readBoolean(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new ProblemError('badRequest', `${name} must be true or false`);
  return text === 'true';
}

export function readInteger(name: string, text: string, from: number, to: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (value < from || value > to) throw new ProblemError('badRequest', `${name} must be an integer, ${from} to ${to}`);
  return value;
}

function readText(name: string, text: string, max: number): string {
  if (text.length < 1 || text.length > max) {
    throw new ProblemError('badRequest', `${name} must have 1 to ${max} characters; leave it out where there is none`);
  }
  return text;
}

function readKinds(text: string): string[] {
  const kinds = text.split(',');
  if (kinds.length > MAX_KINDS) throw new ProblemError('badRequest', `kinds may name at most ${MAX_KINDS} kinds`);
  return kinds.map((kind) => readText('each of kinds', kind, MAX_KIND_CHARS));
}

function readPatterns(text: string): string[] {
  const patterns = text.split(',');
  if (patterns.length > MAX_IDS_IN_FILTER) {
    throw new ProblemError('badRequest', `ids may name at most ${MAX_IDS_IN_FILTER} ids`);
  }
  for (const pattern of patterns) {
    const id = pattern.endsWith('*') ? pattern.slice(0, -1) || 'a' : pattern;
    if (!isId(id)) throw new ProblemError('badId', `each of ids must be ${ID_RULE}, or a prefix of one followed by *`);
  }
  return patterns;
}
