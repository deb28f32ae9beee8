import { isObject, type Json } from '../../base/json.ts';
import type { Space } from '../../client/connect.ts';
import type { Point } from '../shared/glide.ts';
import {
  besideTwins,
  CARD_HEIGHT,
  CARD_WIDTH,
  type Card,
  type Color,
  clamp,
  freePlace,
  MAX_TEXT_CHARS,
  readCard,
} from './card.ts';
import { Grip, type Hold } from './grip.ts';
import { type Action, History, type Step } from './history.ts';
import { type Members, mergeCard } from './merge-card.ts';

/** Presses of a key that come sooner one after another are one action. */
const SAME_ACTION_MS = 1_000;

/** What a user can do to cards. Each of it can be taken back. */
export class Actions {
  readonly #space: Space;
  readonly #newId: () => string;
  readonly #now: () => number;
  /** Of cards, the gestures that are over for their user and not yet for the server. */
  readonly #ending = new Map<string, Promise<Hold>>();
  readonly #history = new History();
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `now`: ms, never going back. */
  constructor(space: Space, newId: () => string, now: () => number) {
    this.#space = space;
    this.#newId = newId;
    this.#now = now;
  }

  get canUndo(): boolean {
    return this.#history.canUndo;
  }

  get canRedo(): boolean {
    return this.#history.canRedo;
  }

  card(id: string): Card | undefined {
    return readCard(this.#space.item(id).value);
  }

  cards(): Map<string, Card> {
    const cards = new Map<string, Card>();
    for (const { id, value } of this.#space.items()) {
      const card = readCard(value);
      if (card) cards.set(id, card);
    }
    return cards;
  }

  /** Adds a card with its middle at this place; `roomy`: or near it, where it hides no other. `image`: a resource. */
  add(middle: Point, roomy: boolean, image?: string): string {
    const id = `card-${this.#newId().slice(0, 12)}`;
    const cards = this.cards();
    const corner = { x: middle.x - CARD_WIDTH / 2, y: middle.y - CARD_HEIGHT / 2 };
    const place = roomy ? freePlace(corner, cards.values()) : besideTwins(corner, cards.values());
    const after: Members = {
      text: '',
      color: 'paper',
      ...(image === undefined ? {} : { image }),
      ...place,
      z: highest(cards.values()) + 1,
    };
    void this.#space.item(id).set(after, { ifVersion: 0, release: true });
    this.#done({ item: id, what: 'add', before: undefined, after });
    return id;
  }

  move(id: string, by: Point): void {
    const card = this.card(id);
    if (card) this.#merge(id, 'move', { x: clamp(card.x + by.x), y: clamp(card.y + by.y) }, true);
  }

  paint(id: string, color: Color): void {
    if (this.card(id)?.color !== color) this.#merge(id, 'colour', { color });
  }

  raise(id: string): void {
    const z = this.front(id);
    if (z !== undefined) this.#merge(id, 'raise', { z });
  }

  remove(id: string): void {
    const { value } = this.#space.item(id);
    if (!isObject(value)) return;
    this.#afterGesture(id, () => void this.#space.item(id).delete());
    this.#done({ item: id, what: 'delete', before: value as Members, after: undefined });
  }

  /** Where the card has to be so that nothing covers it; `undefined`: it is there. */
  front(id: string): number | undefined {
    const mine = this.card(id);
    if (!mine) return undefined;
    const others = [...this.cards()].filter(([other]) => other !== id).map(([, card]) => card);
    const z = highest(others);
    return others.length === 0 || mine.z > z ? undefined : z + 1;
  }

  grip(id: string): Grip {
    return new Grip(this.#space, this.#space.item(id));
  }

  /** Ends a gesture: what it has changed stays and can be taken back, unless somebody else holds the card. */
  finish(id: string, what: string, grip: Grip, before: Members, after: Members | undefined): Promise<Hold> {
    const ending = this.#finish(id, what, grip, before, after);
    this.#ending.set(id, ending);
    const ended = () => {
      if (this.#ending.get(id) === ending) this.#ending.delete(id);
    };
    void ending.then(ended, ended);
    return ending;
  }

  /** While a gesture ends nobody knows whether this window has the lock, and what is sent without it could be refused. */
  #afterGesture(id: string, act: () => void): void {
    const ending = this.#ending.get(id);
    if (ending === undefined) act();
    else void ending.then(act, act);
  }

  async #finish(id: string, what: string, grip: Grip, before: Members, after: Members | undefined): Promise<Hold> {
    grip.over();
    const hold = await grip.hold;
    if (hold.state === 'refused') return hold;
    const changed = after !== undefined && Object.entries(after).some(([name, value]) => before[name] !== value);
    if (changed) this.#done({ item: id, what, before, after });
    // Changes made half-way are taken back too.
    return grip.finish(after ?? before, changed);
  }

  /** What was done last is undone, where it still stands. */
  undo(): Step | undefined {
    return this.#carryOut(this.#history.undo((id) => this.#space.item(id).value));
  }

  redo(): Step | undefined {
    return this.#carryOut(this.#history.redo((id) => this.#space.item(id).value));
  }

  #carryOut(step: Step | undefined): Step | undefined {
    if (step?.op !== undefined) void this.#space.item(step.item).post(step.op as Json, { release: true });
    return step;
  }

  #merge(id: string, what: string, after: Members, series = false): void {
    const { value } = this.#space.item(id);
    if (!isObject(value)) return;
    const before = Object.fromEntries(Object.keys(after).map((name) => [name, value[name] as Json | undefined]));
    const merge = () => void mergeCard(this.#space.item(id), value as Json, after, series ? {} : { release: true });
    this.#afterGesture(id, merge);
    this.#done({ item: id, what, before, after }, series && this.#now() - this.#lastAt < SAME_ACTION_MS);
  }

  #done(action: Action, same = false): void {
    this.#lastAt = this.#now();
    this.#history.add(action, same);
  }
}

export function cleanText(text: string): string {
  return text.slice(0, MAX_TEXT_CHARS);
}

function highest(cards: Iterable<Card>): number {
  let z = 0;
  for (const card of cards) z = Math.max(z, card.z);
  return z;
}
