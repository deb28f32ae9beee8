import type { Space } from '../../client/connect.ts';
import { realId } from '../../client/system.ts';
import { find, isWriting } from '../shared/dom.ts';
import type { Point } from '../shared/glide.ts';
import { Header } from '../shared/header.ts';
import type { Notices } from '../shared/notices.ts';
import { readVisitors, type Said } from '../shared/people.ts';
import { describeSaving } from '../shared/saved.ts';
import type { Session } from '../shared/session.ts';
import { Actions } from './actions.ts';
import { COLORS, readCard } from './card.ts';
import type { CardView } from './card-view.ts';
import { Dock } from './dock.ts';
import { Drags } from './drags.ts';
import { Editor } from './editor.ts';
import { ImageDrops } from './image-drops.ts';
import type { Images } from './images.ts';
import { type Command, readKey } from './keys.ts';
import { Table } from './table.ts';
import { Telling } from './telling.ts';

export type BoardOptions = {
  readonly space: Space;
  readonly session: Session;
  readonly notices: Notices;
  readonly images: Images;
  /** ms, never going back. */
  readonly now: () => number;
};

/** The page of one space: what the user does goes to the actions, what the space tells goes to the table. */
export class Board {
  readonly #space: Space;
  readonly #session: Session;
  readonly #window = find('window', HTMLElement);
  readonly #plane = find('plane', HTMLElement);
  readonly #empty = find('empty', HTMLElement);
  readonly #actions: Actions;
  readonly #telling: Telling;
  readonly #table: Table;
  readonly #drags: Drags;
  readonly #editor: Editor;
  readonly #dock: Dock;
  readonly #header: Header;
  #selected: string | undefined;
  #cursor: Point | null = null;
  #stale = false;

  constructor({ space, session, notices, images, now }: BoardOptions) {
    this.#space = space;
    this.#session = session;
    const [window_, plane] = [this.#window, this.#plane];
    const reduced = matchMedia('(prefers-reduced-motion: reduce)');
    const frame = (call: () => void): void => void requestAnimationFrame(call);
    this.#actions = new Actions(space, realId, now);
    this.#telling = new Telling({ space, notices, actions: this.#actions });
    const paintImage = (hash: string, canvas: HTMLCanvasElement): void => void images.paint(hash, canvas);
    this.#table = new Table({ window: window_, plane, now, frame, still: () => reduced.matches, paintImage });
    const [actions, table, telling] = [this.#actions, this.#table, this.#telling];
    const heldBy = (id: string): string | undefined => telling.holderOf(id)?.id;
    const onRefused = (id: string, holder: string): void => telling.held(id, holder);
    const onMoved = (id: string): void => telling.card(id, 'moved');
    this.#drags = new Drags({ table, window: window_, actions, heldBy, onRefused, onMoved });
    this.#editor = new Editor({ actions, heldBy, onRefused, onDone: () => this.#refresh() });
    table.onFrame = () => this.#drags.frame();
    this.#dock = new Dock({
      actions,
      onAdd: () => this.#add(table.middle),
      onUndo: () => this.#command({ what: 'undo' }),
      onRedo: () => this.#command({ what: 'redo' }),
      onEdit: () => this.#command({ what: 'edit', card: true }),
      onRaise: () => this.#command({ what: 'raise', card: true }),
      onRemove: () => this.#command({ what: 'remove', card: true }),
      onPaint: (color) => this.#command({ what: 'paint', card: true, color: COLORS.indexOf(color) }),
    });
    const toTable = (at: Point): Point => table.toTable(at);
    const onImage = (hash: string, at: Point): void => this.#select(actions.add(at, true, hash));
    new ImageDrops({ window: window_, images, notices, toTable, middle: () => table.middle, onImage });
    this.#header = new Header(notices, session, () => this.#say());
    this.#listenToSpace();
    this.#listenToPointers();
    document.addEventListener('keydown', (event) => this.#key(event));
    for (const { id } of space.items()) this.#show(id, true);
    this.#refresh();
  }

  #listenToSpace(): void {
    const space = this.#space;
    space.on('change', ({ item, mine }) => {
      this.#show(item, mine && this.#table.views.get(item)?.dragged !== undefined);
      this.#refresh();
    });
    space.on('told', (ids) => {
      for (const id of ids) this.#showHolder(id);
      this.#refresh();
    });
    for (const name of ['status', 'error'] as const) space.on(name, () => this.#refresh());
    space.on('refused', ({ item, outcome }) => {
      this.#refresh();
      this.#telling.refusal(item, outcome);
    });
    space.on('clients', (people) => {
      this.#telling.visitors = readVisitors(people);
      const visitors = [...this.#telling.visitors.values()];
      this.#header.showPeople(visitors, space.clientId);
      this.#table.showCursors(visitors.filter(({ id }) => id !== space.clientId));
      for (const id of this.#table.views.keys()) this.#showHolder(id);
    });
  }

  #listenToPointers(): void {
    const plane = this.#plane;
    plane.addEventListener('pointerdown', (event) => {
      const view = this.#table.viewAt(event.target);
      if (view === undefined) return this.#select(undefined);
      if (this.#editor.editing === view) return;
      this.#select(view.id);
      if (this.#drags.down(event, view)) view.element.focus({ preventScroll: true });
    });
    plane.addEventListener('pointermove', (event) => {
      this.#drags.move(event);
      if (event.pointerType !== 'touch' || event.buttons > 0) this.#point(event);
    });
    for (const name of ['pointerup', 'pointercancel'] as const) {
      plane.addEventListener(name, (event) => {
        this.#drags.up(event);
        if (event.pointerType === 'touch') this.#point(undefined);
      });
    }
    plane.addEventListener('pointerleave', () => this.#point(undefined));
    plane.addEventListener('dblclick', (event) => {
      const view = this.#table.viewAt(event.target);
      if (view) this.#editor.open(view);
      else this.#add(this.#table.toTable({ x: event.clientX, y: event.clientY }), false);
    });
    plane.addEventListener('focusin', (event) => {
      const view = this.#table.viewAt(event.target);
      if (view) this.#select(view.id);
    });
  }

  #key(event: KeyboardEvent): void {
    if (isWriting(event.target) || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const command = readKey(event);
    if (command === undefined) return;
    // Keys for a card count where it has the focus: a button that is pressed with Enter is not meant.
    if ('card' in command && this.#table.viewAt(event.target)?.id !== this.#selected) return;
    if (this.#command(command)) event.preventDefault();
  }

  /** Whether there was something to do it to. */
  #command(command: Command): boolean {
    const actions = this.#actions;
    const view = this.#selected === undefined ? undefined : this.#table.views.get(this.#selected);
    if (command.what === 'add') this.#add(this.#table.middle);
    else if (command.what === 'undo') this.#telling.step(actions.undo(), 'Undone');
    else if (command.what === 'redo') this.#telling.step(actions.redo(), 'Done again');
    else if (command.what === 'leave') return this.#drags.cancel() || this.#leave();
    else if (!view || !('card' in command)) return false;
    else this.#commandCard(command, view);
    this.#refresh();
    return true;
  }

  #commandCard(command: Extract<Command, { readonly card: true }>, view: CardView): void {
    const { id } = view;
    const holder = this.#telling.holderOf(id);
    if (holder !== undefined) {
      this.#telling.held(id, holder.id);
      return;
    }
    const actions = this.#actions;
    if (command.what === 'edit') this.#editor.open(view);
    else if (command.what === 'move') actions.move(id, command.by);
    else if (command.what === 'raise') actions.raise(id);
    else if (command.what === 'paint') actions.paint(id, COLORS[command.color] ?? 'paper');
    else {
      this.#telling.card(id, 'deleted');
      const hadFocus = view.element === document.activeElement;
      const next = this.#table.after(view)?.element ?? this.#window;
      actions.remove(id);
      this.#select(undefined);
      if (hadFocus) next.focus({ preventScroll: true });
    }
    if (command.what === 'move') view.element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  #add(at: Point, roomy = true): void {
    const id = this.#actions.add(at, roomy);
    this.#select(id);
    const view = this.#table.views.get(id);
    if (view) this.#editor.open(view);
    this.#refresh();
  }

  #leave(): boolean {
    const had = this.#selected !== undefined;
    this.#select(undefined);
    if (had) this.#window.focus({ preventScroll: true });
    return had;
  }

  #select(id: string | undefined): void {
    if (this.#selected === id) return;
    for (const one of [this.#selected, id]) {
      if (one !== undefined) this.#table.views.get(one)?.element.classList.toggle('selected', one === id);
    }
    this.#selected = id;
    this.#refresh();
  }

  #show(id: string, still: boolean): void {
    const card = readCard(this.#space.item(id).value);
    const isNew = !this.#table.views.has(id);
    if (card === undefined && this.#editor.editing?.id === id) this.#editor.close(false);
    this.#table.show(id, card, still);
    if (card === undefined && this.#selected === id) this.#select(undefined);
    if (card !== undefined && isNew) this.#showHolder(id);
  }

  #showHolder(id: string): void {
    const item = this.#space.item(id);
    const mine = item.locked;
    const holder = mine ? this.#telling.visitors.get(this.#space.clientId) : this.#telling.holderOf(id);
    this.#table.views.get(id)?.hold(holder, mine);
  }

  #point(event: PointerEvent | undefined): void {
    this.#cursor = event ? this.#table.toTable({ x: event.clientX, y: event.clientY }) : null;
    this.#say();
  }

  #say(): void {
    const cursor = this.#cursor;
    const said: Said = {
      name: this.#session.name,
      cursor: cursor ? [Math.round(cursor.x), Math.round(cursor.y)] : null,
    };
    this.#space.say(said);
  }

  /** Everything that is computed over all cards, at most once in a turn. */
  #refresh(): void {
    if (this.#stale) return;
    this.#stale = true;
    queueMicrotask(() => {
      this.#stale = false;
      const { status, failure } = this.#space;
      const items = this.#space.items();
      const unsent = items.filter(({ saved }) => !saved).length;
      const unstored = items.filter(({ version, durableVersion }) => durableVersion < version).length;
      this.#header.showState(describeSaving({ status, closed: failure !== undefined, unsent, unstored }), status);
      this.#empty.hidden = this.#table.views.size > 0 || status === 'catching-up';
      this.#dock.show(this.#selected === undefined ? undefined : this.#actions.card(this.#selected));
    });
  }
}
