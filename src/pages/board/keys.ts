import type { Point } from '../shared/glide.ts';

/** What a key asks for. `card`: only where a card is selected. */
export type Command =
  | { readonly what: 'add' | 'undo' | 'redo' | 'leave' }
  | { readonly what: 'edit' | 'remove' | 'raise'; readonly card: true }
  | { readonly what: 'move'; readonly card: true; readonly by: Point }
  | { readonly what: 'paint'; readonly card: true; readonly color: number };

type Key = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey'>;

const STEP = 16;
const FINE_STEP = 1;
const ARROWS: { readonly [key: string]: Point } = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export function readKey({ key, shiftKey, ctrlKey, metaKey, altKey }: Key): Command | undefined {
  if (altKey) return undefined;
  const letter = key.toLowerCase();
  if (ctrlKey || metaKey) {
    if (letter === 'z') return { what: shiftKey ? 'redo' : 'undo' };
    return letter === 'y' ? { what: 'redo' } : undefined;
  }
  const arrow = ARROWS[key];
  if (arrow) {
    const step = shiftKey ? FINE_STEP : STEP;
    return { what: 'move', card: true, by: { x: arrow.x * step, y: arrow.y * step } };
  }
  if (key === 'Enter' || key === 'F2') return { what: 'edit', card: true };
  if (key === 'Delete' || key === 'Backspace') return { what: 'remove', card: true };
  if (key === 'Escape') return { what: 'leave' };
  if (letter === 'n') return { what: 'add' };
  if (letter === 'f') return { what: 'raise', card: true };
  if (/^[1-6]$/.test(key)) return { what: 'paint', card: true, color: Number(key) - 1 };
  return undefined;
}
