/** Journals begin with j, registers with r. */
export const ITEMS: readonly string[] = ['j0', 'j1', 'j2', 'r0', 'r1'];
/** Chronicles, which keep their history, begin with h. */
export const HISTORY_ITEMS: readonly string[] = ['h0', 'h1'];

/** Pictures begin with p. */
export const PICTURES: readonly string[] = ['p0', 'p1'];

export function kindOf(item: string): 'journal' | 'register' | 'chronicle' | 'picture' {
  if (item.startsWith('p')) return 'picture';
  if (keepsHistory(item)) return 'chronicle';
  return item.startsWith('j') ? 'journal' : 'register';
}

export function keepsHistory(item: string): boolean {
  return item.startsWith('h');
}
