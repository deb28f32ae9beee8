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

function marksOf(places: readonly Place[], length: number): DecorationSet {
  const marks = places.map(({ from, to }) => {
    const [start, end] = [Math.min(from, length), Math.min(to, length)];
    if (start === end) return Decoration.widget({ widget: new Spot(), side: 1 }).range(start);
    return Decoration.mark({ class: 'flash' }).range(start, end);
  });
  return Decoration.set(marks, true);
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
