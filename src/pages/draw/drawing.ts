import type { Outcome, Space } from '../../client/connect.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Beginning } from '../shared/begin.ts';
import { Cursors } from '../shared/cursors.ts';
import { find, isWriting } from '../shared/dom.ts';
import { Header } from '../shared/header.ts';
import { ask, type ItemSource, itemUrl } from '../shared/item-source.ts';
import { readVisitors, type Said, type Visitor } from '../shared/people.ts';
import { describeSaving } from '../shared/saved.ts';
import { Layers } from './layers.ts';
import { Pen } from './pen.ts';
import { Sketch } from './sketch.ts';
import { followPicture } from './stream.ts';
import { Timeline } from './timeline.ts';
import { Tools } from './tools.ts';

export type DrawingOptions = Beginning & {
  readonly space: Space;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

const NEW_SIZE = { width: 1024, height: 768 };

/** The page of one picture. */
export class Drawing {
  readonly #options: DrawingOptions;
  readonly #paper = find('paper', HTMLElement);
  readonly #canvas = find('picture', HTMLCanvasElement);
  readonly #layers = new Layers(this.#canvas);
  readonly #sketch: Sketch;
  readonly #pen: Pen;
  readonly #tools: Tools;
  readonly #cursors: Cursors;
  readonly #header: Header;
  readonly #source: ItemSource;
  #visitors: readonly Visitor[] = [];
  #cursor: readonly [number, number] | null = null;
  #moving = false;

  constructor(options: DrawingOptions) {
    this.#options = options;
    const { space, spaceName, itemName, session, notices, clock, signal } = options;
    const now = (): number => clock.monotonic();
    this.#source = { url: itemUrl(spaceName, itemName), headers: () => session.headers, signal };
    const item = space.item(itemName, 'picture');
    const onRefused = (outcome: Outcome): void => this.#tellRefusal(outcome);
    const onChange = (): void => this.#refresh();
    this.#tools = new Tools({ onUndo: () => this.#undo(), onDownload: () => void this.#download() });
    this.#sketch = new Sketch({ item, me: () => space.clientId, layers: this.#layers, onRefused, onChange });
    const tool = () => this.#tools.tool;
    this.#pen = new Pen({ canvas: this.#canvas, sketch: this.#sketch, layers: this.#layers, tool, now });
    const reduced = matchMedia('(prefers-reduced-motion: reduce)');
    const toPlane = ({ x, y }: { readonly x: number; readonly y: number }) => this.#toPlane(x, y);
    this.#cursors = new Cursors({ plane: this.#paper, now, still: () => reduced.matches, toPlane });
    this.#header = new Header(notices, session, () => this.#say());
    new Timeline({
      get: (path) => ask(this.#source, path),
      clock,
      signal,
      onPast: (isPast) => this.#paper.classList.toggle('past', isPast),
      onTrouble: () => notices.show('The earlier versions cannot be had just now.'),
    });
    this.#listen();
    const create = async (): Promise<void> => {
      await space.ready();
      await item.post({ create: NEW_SIZE });
    };
    void followPicture({
      source: this.#source,
      clock,
      create,
      onPicture: (raster, version) => {
        this.#sketch.replace(raster, version);
        this.#paper.style.setProperty('--ratio', `${raster.width} / ${raster.height}`);
        this.#showCursors();
      },
      onOps: (ops) => this.#sketch.take(ops),
    });
  }

  #listen(): void {
    const { space } = this.#options;
    const canvas = this.#canvas;
    canvas.addEventListener('pointermove', (event) => this.#point(this.#pen.at(event)));
    canvas.addEventListener('pointerleave', () => this.#point(null));
    document.addEventListener('keydown', (event) => {
      const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'z';
      if (!isUndo || isWriting(event.target)) return;
      event.preventDefault();
      this.#undo();
    });
    addEventListener('resize', () => this.#showCursors());
    for (const name of ['status', 'error', 'told'] as const) space.on(name, () => this.#refresh());
    space.on('clients', (people) => {
      const visitors = [...readVisitors(people).values()];
      this.#header.showPeople(visitors, space.clientId);
      this.#visitors = visitors.filter(({ id }) => id !== space.clientId);
      this.#showCursors();
    });
    this.#refresh();
  }

  #showCursors(): void {
    this.#cursors.show(this.#visitors);
    if (this.#moving) return;
    this.#moving = true;
    requestAnimationFrame(() => this.#frame());
  }

  #frame(): void {
    this.#moving = this.#cursors.draw(this.#options.clock.monotonic());
    if (this.#moving) requestAnimationFrame(() => this.#frame());
  }

  #toPlane(x: number, y: number): { readonly x: number; readonly y: number } {
    const { width, height } = this.#layers.size;
    return { x: (x / width) * this.#canvas.clientWidth, y: (y / height) * this.#canvas.clientHeight };
  }

  #point(at: readonly [number, number] | null): void {
    this.#cursor = at;
    this.#say();
  }

  #say(): void {
    const said: Said = { name: this.#options.session.name, cursor: this.#cursor };
    this.#options.space.say(said);
  }

  #undo(): void {
    const { notices } = this.#options;
    const could = this.#sketch.canUndo;
    if (this.#sketch.undo()) notices.speak('Undone');
    else if (could) notices.show('That changed too much of the picture to be taken back.');
    else notices.speak('Nothing to take back');
  }

  async #download(): Promise<void> {
    try {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await (await ask(this.#source, '/picture.png')).blob());
      link.download = `${this.#options.itemName}.png`;
      link.click();
      this.#options.clock.after(60_000, () => URL.revokeObjectURL(link.href));
    } catch {
      this.#options.notices.show('The picture cannot be had just now.');
    }
  }

  #tellRefusal(outcome: Outcome): void {
    const { notices } = this.#options;
    if ('status' in outcome && outcome.status === 403)
      notices.show('You may look at this picture, but not draw on it.');
    else notices.show('Something that you drew was not taken.');
  }

  #refresh(): void {
    const { space } = this.#options;
    const { status, failure } = space;
    const item = space.item(this.#options.itemName);
    const unstored = item.durableVersion < item.version ? 1 : 0;
    const saving = { status, closed: failure !== undefined, unsent: this.#sketch.unsent, unstored };
    this.#header.showState(describeSaving(saving), status);
    this.#tools.canUndo = this.#sketch.canUndo;
    this.#canvas.dataset.version = String(this.#sketch.version);
    this.#canvas.dataset.unsent = String(this.#sketch.unsent);
  }
}
