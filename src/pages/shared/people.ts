import { isObject } from '../../base/json.ts';
import type { Person } from '../../client/connect.ts';

/** What pages say of their user with `space.say`. */
export type Said = {
  readonly name: string;
  readonly cursor: readonly [x: number, y: number] | null;
  /** In a text that is edited. */
  readonly place?: Place;
};

/** What somebody has selected in an item, as it is in that version; a cursor where both ends are one. UTF-16 code units. */
export type Place = {
  readonly item: string;
  readonly version: number;
  readonly anchor: number;
  readonly head: number;
};

/** As others see somebody. */
export type Visitor = {
  readonly id: string;
  readonly name: string;
  /** Of `HUES` many. */
  readonly hue: number;
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
  readonly place: Place | undefined;
};

export const HUES = 8;
export const MAX_NAME_CHARS = 40;

/** All who are here, by id. While there are enough colours no two have the same one, and it is the same in every window. */
export function readVisitors(people: readonly Person[]): Map<string, Visitor> {
  const visitors = new Map<string, Visitor>();
  const taken = new Set<number>();
  for (const person of [...people].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const visitor = readVisitor(person);
    let { hue } = visitor;
    while (taken.size < HUES && taken.has(hue)) hue = (hue + 1) % HUES;
    taken.add(hue);
    visitors.set(person.id, { ...visitor, hue });
  }
  return visitors;
}

/** Nothing in it is taken on trust: anybody can say anything of themselves. */
export function readVisitor({ id, name, data }: Person): Visitor {
  const said = isObject(data) ? data : {};
  const cursor = Array.isArray(said.cursor) ? said.cursor : [];
  const [x, y] = cursor;
  const isPoint = cursor.length === 2 && Number.isFinite(x) && Number.isFinite(y);
  return {
    id,
    name: cleanName(said.name) || cleanName(name) || 'Guest',
    hue: hueOf(id),
    cursor: isPoint ? { x: Number(x), y: Number(y) } : undefined,
    place: readPlace(said.place),
  };
}

function readPlace(said: unknown): Place | undefined {
  if (!isObject(said)) return undefined;
  const { item, version, anchor, head } = said;
  const isCount = (one: unknown): one is number => Number.isSafeInteger(one) && Number(one) >= 0;
  if (typeof item !== 'string' || !isCount(version) || !isCount(anchor) || !isCount(head)) return undefined;
  return { item, version, anchor, head };
}

export function cleanName(name: unknown): string {
  return typeof name === 'string' ? name.replace(/\s+/g, ' ').trim().slice(0, MAX_NAME_CHARS) : '';
}

/** One letter or two. */
export function initials(name: string): string {
  const words = name.split(' ').filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase();
}

/** The same in every window: by the id, which nobody else has (FNV-1a). */
function hueOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % HUES;
}
