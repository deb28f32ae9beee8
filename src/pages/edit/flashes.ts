import { type Extension, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view';
import { make } from '../shared/dom.ts';

export type Place = { readonly from: number; readonly to: number };

/** Places to be shown for a moment; none: they have been seen. */
export const setFlashes = StateEffect.define<readonly Place[]>();

/** Where something went, nothing is left that could be marked. */
class Spot extends WidgetType {
  override eq(): boolean {
    return true;
  }

  toDOM(): HTMLElement {
    return make('span', { class: 'flash spot', 'aria-hidden': 'true' });
  }
}

/** Ascending, those that overlap or touch as one: each key may have a place of its own. */
export function joined(places: readonly Place[]): readonly Place[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of places.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else all.push({ from, to });
  }
  return all;
}

function marksOf(places: readonly Place[], length: number): DecorationSet {
  const marks = joined(places).map(({ from, to }) => {
    const [start, end] = [Math.min(from, length), Math.min(to, length)];
    if (start === end) return Decoration.widget({ widget: new Spot(), side: 1 }).range(start);
    return Decoration.mark({ class: 'flash' }).range(start, end);
  });
  return Decoration.set(marks);
}

const flashField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(before, tr) {
    let marks = before.map(tr.changes);
    for (const effect of tr.effects) if (effect.is(setFlashes)) marks = marksOf(effect.value, tr.newDoc.length);
    return marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Places where somebody else was first. */
export const flashesShown: Extension = flashField;
