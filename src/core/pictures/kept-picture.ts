import type { SpaceState } from '../space-state.ts';
import { Chore } from './chore.ts';
import type { Encoded } from './picture-encoder.ts';

const FOLD_OPS = 200;
const FOLD_MS = 2_000;
const FILE_OPS = 1_000;
const FILE_MS = 30_000;

/** Under which operations were accepted here, how many there are now, and what it takes to draw the new ones. */
type Accepted = { readonly lineage: string; readonly index: number; readonly cost: number };

/** A picture that this process has written to: how far it is drawn and stored. Drawing does not wait for storing, nor storing for drawing. Times are monotonic, ms. */
export class KeptPicture {
  readonly space: SpaceState;
  readonly item: string;
  readonly drawing = new Chore();
  readonly filing = new Chore();
  /** Encoded, and not yet stored: the store does not have all of its operations. */
  waiting: Encoded | undefined;
  lineage = '';
  /** Of the newest operation accepted, drawn and stored. */
  index: number;
  #drawn: number;
  #filed: number;
  #undrawnSince: number | undefined;
  #unfiledSince: number;
  /** What it takes to draw what was accepted here since the beginning, and what was drawn of that. */
  #cost = 0;
  #costDrawn = 0;

  /** `index`: of what was there before. */
  constructor(space: SpaceState, item: string, index: number, now: number) {
    this.space = space;
    this.item = item;
    this.index = index;
    this.#drawn = index;
    this.#filed = index;
    this.#unfiledSince = now;
  }

  accepted({ lineage, index, cost }: Accepted, now: number): void {
    if (this.isFiled) this.#unfiledSince = now;
    this.#undrawnSince ??= now;
    this.lineage = lineage;
    this.index = index;
    this.#cost += cost;
  }

  get undrawnOps(): number {
    return this.index - this.#drawn;
  }

  get undrawnCost(): number {
    return this.#cost - this.#costDrawn;
  }

  get isFiled(): boolean {
    return this.#filed >= this.index;
  }

  get unfiledSince(): number {
    return this.#unfiledSince;
  }

  /** Nothing is left to do. */
  get isDone(): boolean {
    return this.#undrawnSince === undefined && this.isFiled && !this.isBusy;
  }

  get isBusy(): boolean {
    return this.drawing.running !== undefined || this.filing.running !== undefined;
  }

  mustDraw(now: number): boolean {
    if (this.#undrawnSince === undefined || !this.drawing.mayBegin(now)) return false;
    return this.undrawnOps >= FOLD_OPS || now - this.#undrawnSince >= FOLD_MS;
  }

  mustFile(now: number): boolean {
    if (this.isFiled || !this.filing.mayBegin(now)) return false;
    const ops = this.index - this.#filed;
    return this.waiting !== undefined || ops >= FILE_OPS || now - this.#unfiledSince >= FILE_MS;
  }

  /** Before it is drawn. What is returned is called after that. */
  beginDrawing(): (index: number, now: number) => void {
    const cost = this.#cost;
    return (index, now) => {
      this.#drawn = index;
      this.#costDrawn = Math.max(this.#costDrawn, cost);
      this.#undrawnSince = index < this.index ? now : undefined;
    };
  }

  /** `began`: since when what it lacks may have been accepted. */
  filed(index: number, began: number): void {
    this.#filed = index;
    this.#unfiledSince = began;
  }
}
