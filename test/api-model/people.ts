export const WHO = ['owner', 'ann', 'bob', 'cat'] as const;
export type Who = (typeof WHO)[number];
export type Need = 'read' | 'write' | 'lock' | 'admin';

export type Person = { readonly key: string; readonly sha256: string; readonly brings: string };
export type People = { readonly [who in Who]: Person };

/** What they bring themselves to the spaces of the model; membership comes on top. */
export const BRINGS: { readonly [who in Who]: string } = { owner: 'a', ann: 'rwl', bob: 'r', cat: '' };

export function subjectOf(who: Who): string {
  return `key:${who}`;
}

export function rightsOf(...letters: readonly string[]): readonly Need[] {
  const all = letters.join('');
  if (all.includes('a')) return ['read', 'write', 'lock', 'admin'];
  const write: Need[] = all.includes('w') ? ['write'] : [];
  const lock: Need[] = all.includes('l') ? ['lock'] : [];
  return all === '' ? [] : ['read', ...write, ...lock];
}
