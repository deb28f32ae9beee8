import type { Point } from '../shared/glide.ts';
import type { Actions } from './actions.ts';
import { clamp } from './card.ts';
import type { CardView } from './card-view.ts';
import type { Grip, Hold } from './grip.ts';
import type { Table } from './table.ts';

export type DragsOptions = {
  readonly table: Table;
  readonly window: HTMLElement;
  readonly actions: Actions;
  /** Whoever holds the card, where that is somebody else. */
  readonly heldBy: (id: string) => string | undefined;
  readonly onRefused: (id: string, holder: string) => void;
  readonly onMoved: (id: string) => void;
};

type Drag = {
  readonly view: CardView;
  readonly start: Point;
  /** From the corner of the card to the pointer. */
  readonly inside: Point;
  readonly before: { readonly x: number; readonly y: number; readonly z: number };
  pointer: Point;
  /** Absent until the pointer has moved far enough to mean it. */
  grip: Grip | undefined;
  z: number;
  put: Point | undefined;
};

const BEGINS_AFTER_PX = 4;
/** So near to the edge of the window the table is scrolled, by at most so much in a frame. */
const EDGE_PX = 48;
const SCROLL_PX = 14;

/** Cards dragged by mouse, pen or fingers, one card for each pointer. A drag takes the lock of its card, and gives it back at the drop. */
export class Drags {
  readonly #options: DragsOptions;
  readonly #drags = new Map<number, Drag>();

  constructor(options: DragsOptions) {
    this.#options = options;
  }

  /** `false`: it begins no drag. */
  down(event: PointerEvent, view: CardView): boolean {
    if (event.button !== 0 || this.#isDragged(view)) return false;
    const pointer = { x: event.clientX, y: event.clientY };
    const at = this.#options.table.toTable(pointer);
    const { x, y, z } = view.card;
    this.#drags.set(event.pointerId, {
      ...{ view, start: pointer, pointer, before: { x, y, z }, z, grip: undefined, put: undefined },
      inside: { x: at.x - x, y: at.y - y },
    });
    view.element.setPointerCapture(event.pointerId);
    return true;
  }

  move(event: PointerEvent): void {
    const drag = this.#drags.get(event.pointerId);
    if (!drag) return;
    drag.pointer = { x: event.clientX, y: event.clientY };
    const far = Math.hypot(drag.pointer.x - drag.start.x, drag.pointer.y - drag.start.y) >= BEGINS_AFTER_PX;
    if (!drag.grip && far) this.#begin(event.pointerId, drag);
    this.#options.table.wake();
  }

  /** The drop; also where the browser takes the pointer away. */
  up(event: PointerEvent): void {
    const drag = this.#drags.get(event.pointerId);
    if (!drag) return;
    if (drag.grip) this.#follow(drag);
    this.#end(event.pointerId, drag, true);
  }

  /** Everything that is being dragged goes back. */
  cancel(): boolean {
    const begun = [...this.#drags].filter(([, { grip }]) => grip !== undefined);
    for (const [pointer, drag] of begun) this.#end(pointer, drag, false);
    return begun.length > 0;
  }

  /** Follows the pointers; whether there are any to follow. */
  frame(): boolean {
    for (const drag of this.#drags.values()) {
      if (!drag.grip) continue;
      this.#scroll(drag.pointer);
      this.#follow(drag);
    }
    return this.#drags.size > 0;
  }

  #isDragged(view: CardView): boolean {
    return [...this.#drags.values()].some((drag) => drag.view === view);
  }

  #begin(pointer: number, drag: Drag): void {
    const { actions, heldBy, onRefused } = this.#options;
    const { id, element } = drag.view;
    const holder = heldBy(id);
    if (holder !== undefined) {
      this.#drags.delete(pointer);
      onRefused(id, holder);
      return;
    }
    drag.grip = actions.grip(id);
    drag.z = actions.front(id) ?? drag.before.z;
    element.classList.add('dragged');
    element.style.zIndex = String(drag.z);
    void drag.grip.hold.then((hold) => {
      if (hold.state === 'refused' && this.#drags.get(pointer) === drag) this.#end(pointer, drag, true);
    });
  }

  #follow(drag: Drag): void {
    const at = this.#options.table.toTable(drag.pointer);
    const place = { x: clamp(at.x - drag.inside.x), y: clamp(at.y - drag.inside.y) };
    drag.view.dragged = place;
    if (place.x === drag.put?.x && place.y === drag.put.y) return;
    drag.put = place;
    drag.grip?.put({ ...place, z: drag.z });
  }

  /** `drop`: it stays where it is; else it goes back. */
  #end(pointer: number, drag: Drag, drop: boolean): void {
    const { actions, onMoved, onRefused, table } = this.#options;
    const { view, grip, put, z, before } = drag;
    this.#drags.delete(pointer);
    if (!grip) return;
    const { id } = view;
    view.element.classList.remove('dragged');
    const after = drop && put ? { ...put, z } : undefined;
    const finished = actions.finish(id, 'move', grip, before, after);
    if (after) view.show({ ...view.card, ...after }, 0, true);
    view.dragged = undefined;
    void finished.then((hold: Hold) => {
      // Where it is now is what was told; a card that was not to be had goes back to where its holder has it.
      table.show(id, actions.card(id));
      if (hold.state === 'refused') onRefused(id, hold.holder);
      else if (after) onMoved(id);
    });
  }

  #scroll({ x, y }: Point): void {
    const { window } = this.#options;
    const { left, right, top, bottom } = window.getBoundingClientRect();
    const dx = speed(x - left, right - x);
    const dy = speed(y - top, bottom - y);
    if (dx !== 0 || dy !== 0) window.scrollBy(dx, dy);
  }
}

function speed(before: number, after: number): number {
  if (before < EDGE_PX) return -SCROLL_PX * Math.min(1, (EDGE_PX - before) / EDGE_PX);
  if (after < EDGE_PX) return SCROLL_PX * Math.min(1, (EDGE_PX - after) / EDGE_PX);
  return 0;
}
