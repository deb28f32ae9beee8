/** Journals begin with j, registers with r. */
export const ITEMS: readonly string[] = ['j0', 'j1', 'j2', 'r0', 'r1'];

export function kindOf(item: string): 'journal' | 'register' {
  return item.startsWith('j') ? 'journal' : 'register';
}
