import { isId } from '../protocol/ids.ts';
import { MAX_GRANTS, MAX_MEMBERS, MAX_SUBJECT_CHARS } from '../protocol/limits.ts';

/** What a call may do in a space. */
export type Right = 'read' | 'write' | 'lock' | 'admin';

/** Bits; 0 is nothing. */
export type Rights = number;

export const NO_RIGHTS: Rights = 0;
export const ALL_RIGHTS: Rights = 0b1111;

const BITS: { readonly [right in Right]: Rights } = { read: 0b0001, write: 0b0010, lock: 0b0100, admin: 0b1000 };

/** Answers to writes and locks tell what is there, so both bring reading; `a` brings everything. */
const LETTERS: ReadonlyMap<string, Rights> = new Map([
  ['r', BITS.read],
  ['w', BITS.write | BITS.read],
  ['l', BITS.lock | BITS.read],
  ['a', ALL_RIGHTS],
]);

export const RIGHTS_RULE = 'letters of r (read), w (write), l (lock), a (admin), each at most once';
export const PATTERN_RULE = 'the id of a space, or the beginning of one followed by *';

/** Rights in all spaces whose id is `start`, or begins with it. */
export type Grant = { readonly start: string; readonly prefix: boolean; readonly rights: Rights };
export type Grants = readonly Grant[];

export const EVERYTHING: Grants = [{ start: '', prefix: true, rights: ALL_RIGHTS }];

/** `undefined` where the value is not of the form. */
export function readRights(value: unknown): Rights | undefined {
  if (typeof value !== 'string' || value.length > LETTERS.size) return undefined;
  let rights = NO_RIGHTS;
  for (const [i, letter] of [...value].entries()) {
    const bits = LETTERS.get(letter);
    if (bits === undefined || value.indexOf(letter) < i) return undefined;
    rights |= bits;
  }
  return rights;
}

/** Patterns with letters, `{"demo-*": "rw"}`. `undefined` where any of it is not of the form: half a list is nobody's meaning. */
export function readGrants(value: unknown): Grants | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_GRANTS) return undefined;
  const grants: Grant[] = [];
  for (const [pattern, letters] of entries) {
    const prefix = pattern.endsWith('*');
    const start = prefix ? pattern.slice(0, -1) : pattern;
    const rights = readRights(letters);
    if (rights === undefined || !(isId(start) || (prefix && start === ''))) return undefined;
    grants.push({ start, prefix, rights });
  }
  return grants;
}

export function rightsIn(grants: Grants, space: string): Rights {
  let rights = NO_RIGHTS;
  for (const grant of grants) {
    if (grant.prefix ? space.startsWith(grant.start) : space === grant.start) rights |= grant.rights;
  }
  return rights;
}

/** Does the caller bring the right to administer this space, or, where none is named, any? */
export function bringsAdmin(
  { grants, cap }: { readonly grants: Grants; readonly cap: Rights },
  space?: string,
): boolean {
  const rights =
    space === undefined ? grants.reduce((sum, grant) => sum | grant.rights, NO_RIGHTS) : rightsIn(grants, space);
  return (rights & cap & BITS.admin) !== 0;
}

/** `members` of a space's settings, by subject. What is not of the form grants nothing. */
export function readMembers(settings: unknown): ReadonlyMap<string, Rights> {
  const members = new Map<string, Rights>();
  const found = isObject(settings) && Object.hasOwn(settings, 'members') ? settings.members : undefined;
  if (!isObject(found)) return members;
  for (const [subject, letters] of Object.entries(found).slice(0, MAX_MEMBERS)) {
    const rights = readRights(letters);
    if (rights !== undefined && subject !== '' && subject.length <= MAX_SUBJECT_CHARS) members.set(subject, rights);
  }
  return members;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What has to be known of the space itself before a right can be judged, given what the caller brings. */
export type Need = 'nothing' | 'existence' | 'record';

export function needOf(brought: Rights, right: Right): Need {
  if ((brought & BITS[right]) === 0) return 'record';
  return changes(right) && (brought & BITS.admin) === 0 ? 'existence' : 'nothing';
}

/** A space comes into being with its first write, which takes an admin. */
function changes(right: Right): boolean {
  return right === 'write' || right === 'lock';
}

/** `hidden`: for this caller the space is not there. `absent`: it is not, and the caller may not make it. */
export type Verdict = 'allowed' | 'forbidden' | 'absent' | 'hidden';

export function decide(rights: Rights, right: Right, exists: boolean): Verdict {
  if (rights === NO_RIGHTS) return 'hidden';
  if ((rights & BITS[right]) === 0) return 'forbidden';
  return changes(right) && !exists && (rights & BITS.admin) === 0 ? 'absent' : 'allowed';
}
