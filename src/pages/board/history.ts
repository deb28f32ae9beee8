import { isObject, type Json } from '../../base/json.ts';

/** Members of a register before and after; `undefined`: the item was not there. */
type Side = { readonly [member: string]: Json | undefined } | undefined;

/** One thing that the user did to one item. */
export type Action = { readonly item: string; readonly what: string; readonly before: Side; readonly after: Side };

/** What has to be sent. */
export type Step =
  | { readonly item: string; readonly what: string; readonly op: { readonly merge: Json } | { readonly set: Json } }
  | { readonly item: string; readonly what: string; readonly op: { readonly delete: true } }
  /** Somebody has changed it since: it is left alone. */
  | { readonly item: string; readonly what: string; readonly op: undefined };

const MAX_ACTIONS = 200;

/** What the user did, to be taken back and done again. It takes back nothing that somebody else has done over it. */
export class History {
  readonly #done: Action[] = [];
  readonly #undone: Action[] = [];

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** `same`: part of the last action, if that was of this item and sort. */
  add(action: Action, same = false): void {
    const last = this.#done.at(-1);
    this.#undone.length = 0;
    if (same && last?.item === action.item && last.what === action.what && last.before && action.after) {
      this.#done[this.#done.length - 1] = { ...action, before: { ...action.before, ...last.before } };
      return;
    }
    this.#done.push(action);
    if (this.#done.length > MAX_ACTIONS) this.#done.shift();
  }

  /** `read`: the value of an item now. */
  undo(read: (item: string) => Json | undefined): Step | undefined {
    const action = this.#done.pop();
    if (action === undefined) return undefined;
    const step = stepTo(action, action.after, action.before, read(action.item));
    if (step.op !== undefined) this.#undone.push(action);
    return step;
  }

  redo(read: (item: string) => Json | undefined): Step | undefined {
    const action = this.#undone.pop();
    if (action === undefined) return undefined;
    const step = stepTo(action, action.before, action.after, read(action.item));
    if (step.op !== undefined) this.#done.push(action);
    return step;
  }
}

function stepTo({ item, what }: Action, from: Side, to: Side, now: Json | undefined): Step {
  const stands = from === undefined ? now === undefined : isObject(now) && sameMembers(now, from);
  if (!stands) return { item, what, op: undefined };
  if (to === undefined) return { item, what, op: { delete: true } };
  const members = Object.fromEntries(Object.entries(to).map(([name, value]) => [name, value ?? null]));
  return { item, what, op: from === undefined ? { set: withoutNull(members) } : { merge: members } };
}

function sameMembers(now: { readonly [name: string]: unknown }, side: NonNullable<Side>): boolean {
  return Object.entries(side).every(([name, value]) => JSON.stringify(now[name]) === JSON.stringify(value));
}

function withoutNull(members: { readonly [name: string]: Json }): Json {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}
