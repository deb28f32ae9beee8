import { isObject, type Json } from '../../base/json.ts';

/** What of a register makes it a card. Other members are left as they are. */
export type Card = {
  readonly x: number;
  readonly y: number;
  /** Higher ones cover lower ones. */
  readonly z: number;
  readonly text: string;
  readonly color: Color;
  /** A resource of the space, by its hash. */
  readonly image?: string;
};

export const COLORS = ['paper', 'sun', 'coral', 'kelp', 'sea', 'dusk'] as const;
export type Color = (typeof COLORS)[number];

export const CARD_WIDTH = 208;
export const CARD_HEIGHT = 96;
/** Beyond this the table does not reach. */
export const MAX_PLACE = 20_000;
export const MAX_TEXT_CHARS = 2_000;

/** A register with a place is a card; whatever else it lacks, or has wrong, is made up for. */
export function readCard(value: Json | undefined): Card | undefined {
  if (!isObject(value)) return undefined;
  const { x, y, z, text, color, image } = value;
  if (!isPlace(x) || !isPlace(y)) return undefined;
  return {
    x: clamp(x),
    y: clamp(y),
    z: typeof z === 'number' && Number.isFinite(z) ? Math.round(z) : 0,
    text: typeof text === 'string' ? text : '',
    color: COLORS.find((one) => one === color) ?? 'paper',
    ...(typeof image === 'string' && HASH.test(image) ? { image } : {}),
  };
}

const HASH = /^[0-9a-f]{64}$/;

export function clamp(place: number): number {
  return Math.round(Math.max(0, Math.min(place, MAX_PLACE)));
}

/** What is said of a card: its text, shortened. */
export function titleOf({ text, image }: Pick<Card, 'text' | 'image'>): string {
  const line = text.trim().split('\n')[0]?.trim() ?? '';
  if (line === '') return image === undefined ? 'empty card' : 'image';
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}

type Place = { readonly x: number; readonly y: number };

/** The wanted place, or one on rings around it where a card hides no other; where all is full, beside the wanted one. */
export function freePlace(wanted: Place, cards: Iterable<Place>): Place {
  const taken = [...cards];
  const covers = (at: Place): boolean =>
    taken.some(({ x, y }) => Math.abs(x - at.x) < CARD_WIDTH + GAP && Math.abs(y - at.y) < CARD_HEIGHT + GAP);
  for (let ring = 0; ring <= RINGS; ring++) {
    for (let turn = 0; turn < Math.max(1, ring * 8); turn++) {
      const angle = (turn / (ring * 8 || 1)) * 2 * Math.PI;
      const at = {
        x: Math.round(wanted.x + Math.cos(angle) * ring * STEP),
        y: Math.round(wanted.y + Math.sin(angle) * ring * STEP),
      };
      if (at.x >= 0 && at.y >= 0 && !covers(at)) return { x: clamp(at.x), y: clamp(at.y) };
    }
  }
  return besideTwins(wanted, taken);
}

/** Not exactly where another one is. */
export function besideTwins(wanted: Place, cards: Iterable<Place>): Place {
  const taken = new Set([...cards].map(({ x, y }) => `${x},${y}`));
  let [x, y] = [clamp(wanted.x), clamp(wanted.y)];
  while (taken.has(`${x},${y}`) && x < MAX_PLACE) [x, y] = [x + GAP, y + GAP];
  return { x, y };
}

const GAP = 16;
const STEP = 48;
const RINGS = 8;

function isPlace(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
