import { type EditorState, type Extension, type Range, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view';
import { make } from '../shared/dom.ts';

/** Somebody else, where they are in the text as it is shown here. */
export type Peer = {
  readonly id: string;
  readonly name: string;
  readonly hue: number;
  readonly anchor: number;
  readonly head: number;
};

export const setPeers = StateEffect.define<readonly Peer[]>();

class Caret extends WidgetType {
  readonly #peer: Peer;

  constructor(peer: Peer) {
    super();
    this.#peer = peer;
  }

  override eq({ peer: { name, hue } }: Caret): boolean {
    return name === this.#peer.name && hue === this.#peer.hue;
  }

  get peer(): Peer {
    return this.#peer;
  }

  toDOM(): HTMLElement {
    const { name, hue } = this.#peer;
    const caret = make('span', { class: 'caret', 'aria-hidden': 'true' }, make('span', { class: 'who' }, name));
    caret.dataset.hue = String(hue);
    return caret;
  }
}

function marksOf(peers: readonly Peer[], length: number): DecorationSet {
  const within = (at: number): number => Math.min(Math.max(at, 0), length);
  const marks = peers.flatMap((peer): Range<Decoration>[] => {
    const [head, anchor] = [within(peer.head), within(peer.anchor)];
    const [from, to] = [Math.min(head, anchor), Math.max(head, anchor)];
    const caret = Decoration.widget({ widget: new Caret(peer), side: 1 }).range(head);
    if (from === to) return [caret];
    const chosen = { class: 'chosen', attributes: { 'data-hue': String(peer.hue) } };
    return [Decoration.mark(chosen).range(from, to), caret];
  });
  return Decoration.set(marks, true);
}

const peersField = StateField.define<{ readonly peers: readonly Peer[]; readonly marks: DecorationSet }>({
  create: () => ({ peers: [], marks: Decoration.none }),
  update(before, tr) {
    let { peers } = before;
    if (tr.docChanged) {
      const move = (at: number): number => tr.changes.mapPos(Math.min(at, tr.startState.doc.length), 1);
      peers = peers.map((peer) => ({ ...peer, anchor: move(peer.anchor), head: move(peer.head) }));
    }
    for (const effect of tr.effects) if (effect.is(setPeers)) peers = effect.value;
    return peers === before.peers ? before : { peers, marks: marksOf(peers, tr.newDoc.length) };
  },
  provide: (field) => EditorView.decorations.from(field, ({ marks }) => marks),
});

/** Where the others are: a cursor with a name, and what they have selected. They move along with the text. */
export const peersShown: Extension = peersField;

export function peersOf(state: EditorState): readonly Peer[] {
  return state.field(peersField).peers;
}
