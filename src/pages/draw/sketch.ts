import type { Item, Outcome } from '../../client/connect.ts';
import type { DrawOp } from '../../raster/ops.ts';
import type { Raster } from '../../raster/raster.ts';
import type { StreamedOp } from '../shared/item-source.ts';
import type { Layers, TileChange } from './layers.ts';
import { undoOf } from './undo.ts';

export type SketchOptions = {
  readonly item: Pick<Item, 'post'>;
  /** Whose operations are one's own. */
  readonly me: () => string;
  readonly layers: Layers;
  readonly onRefused: (outcome: Outcome) => void;
  /** How many operations have not come back, or what can be undone, has changed. */
  readonly onChange: () => void;
};

/** What was drawn in one go: a stroke is sent in several parts. */
export type Gesture = { readonly versions: number[]; waiting: number };

type Pending = { readonly op: DrawOp; version: number | undefined };

/** Tiles remembered for undoing, before and after; half a megabyte each. */
const MAX_TILES = 120;
const OPS_PER_UPDATE = 100;

/** The picture as this user sees it: what everybody has, in its order, and over it what was drawn here and has not come back yet. */
export class Sketch {
  readonly #options: SketchOptions;
  readonly #gestures: Gesture[] = [];
  /** By version: what one's own operations changed. */
  readonly #changes = new Map<number, readonly TileChange[][]>();
  #pending: Pending[] = [];
  #seen = 0;

  constructor(options: SketchOptions) {
    this.#options = options;
  }

  /** The newest version that is drawn here. */
  get version(): number {
    return this.#seen;
  }

  get unsent(): number {
    return this.#pending.length;
  }

  get canUndo(): boolean {
    const last = this.#gestures.at(-1);
    return last !== undefined && last.waiting === 0 && last.versions.every((version) => this.#changes.has(version));
  }

  begin(): Gesture {
    const gesture = { versions: [], waiting: 0 };
    this.#gestures.push(gesture);
    return gesture;
  }

  /** Shows it at once, and sends it. */
  draw(ops: readonly DrawOp[], gesture?: Gesture): void {
    const { item, layers, onRefused, onChange } = this.#options;
    const entries = ops.map((op): Pending => ({ op, version: undefined }));
    this.#pending.push(...entries);
    for (const op of ops) layers.add(op);
    if (gesture) gesture.waiting++;
    void item.post(ops.length === 1 ? toJson(ops[0]) : { ops: ops.map(toJson) }).then((outcome) => {
      if (gesture) gesture.waiting--;
      if (outcome.result === 'ok') {
        gesture?.versions.push(outcome.version);
        for (const entry of entries) entry.version = outcome.version;
      } else {
        this.#pending = this.#pending.filter((one) => !entries.includes(one));
        if (outcome.result !== 'closed') onRefused(outcome);
      }
      this.#settle();
      onChange();
    });
    onChange();
  }

  /** The whole picture, with everything up to `version`. */
  replace(raster: Raster, version: number): void {
    this.#seen = version;
    this.#changes.clear();
    this.#dropSeen();
    this.#options.layers.show(raster, this.#ops());
    this.#options.onChange();
  }

  /** Operations as everybody gets them. */
  take(ops: readonly StreamedOp[]): void {
    const { layers, me, onChange } = this.#options;
    for (const { op, version, clientId } of ops) {
      const isOwn = clientId === me();
      const changes = layers.take(op as DrawOp, isOwn);
      if (isOwn) this.#changes.set(version, [...(this.#changes.get(version) ?? []), [...changes]]);
      this.#seen = version;
    }
    this.#forget();
    this.#settle();
    onChange();
  }

  /** Puts back what was there before the last stroke of one's own; as operations like any other. `false`: it cannot be. */
  undo(): boolean {
    const gesture = this.canUndo ? this.#gestures.pop() : undefined;
    if (!gesture) return false;
    const changes = gesture.versions.flatMap((version) => this.#changes.get(version) ?? []);
    const ops = undoOf(this.#options.layers.shared, changes);
    for (let at = 0; ops !== undefined && at < ops.length; at += OPS_PER_UPDATE)
      this.draw(ops.slice(at, at + OPS_PER_UPDATE));
    this.#options.onChange();
    return ops !== undefined;
  }

  /** Anew what is shown, `more` on top of it. */
  renew(more: readonly DrawOp[] = []): void {
    this.#options.layers.renew([...this.#ops(), ...more]);
  }

  /** What has come back is not drawn twice. */
  #settle(): void {
    this.#dropSeen();
    this.renew(this.preview());
  }

  /** What is being drawn just now and is not sent. */
  preview: () => readonly DrawOp[] = () => [];

  #dropSeen(): void {
    this.#pending = this.#pending.filter(({ version }) => version === undefined || version > this.#seen);
  }

  #ops(): DrawOp[] {
    return this.#pending.map(({ op }) => op);
  }

  #forget(): void {
    let tiles = 0;
    for (const [version, changes] of [...this.#changes].reverse()) {
      tiles += changes.flat().length;
      if (tiles > MAX_TILES) this.#changes.delete(version);
    }
    const kept = this.#gestures.findIndex(({ versions, waiting }) => {
      return waiting > 0 || versions.length === 0 || versions.every((version) => this.#changes.has(version));
    });
    if (kept > 0) this.#gestures.splice(0, kept);
  }
}

function toJson(op: DrawOp | undefined): never {
  return op as never;
}
