import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { Annotation, type ChangeDesc, type ChangeSet, Compartment, type Text, Transaction } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import type { Clock } from '../../ports/clock.ts';
import { make } from '../shared/dom.ts';
import { flashesShown, type Place, setFlashes } from './flashes.ts';
import { type Peer, peersOf, peersShown, setPeers } from './peers.ts';

export type TextViewOptions = {
  readonly place: HTMLElement;
  /** What screen readers call it. */
  readonly label: string;
  readonly clock: Clock;
  /** The user has written. */
  readonly onWrite: (change: ChangeSet) => void;
  /** The text has changed, whoever did it. */
  readonly onChange: (change: ChangeDesc) => void;
  readonly onSelect: () => void;
};

/** What comes from elsewhere; it is not the user's to undo. */
const foreign = Annotation.define<boolean>();
const FLASH_MS = 3_000;

/**
 * The editor. It lives in a shadow tree: there its styles are sheets that are handed to the browser; in the page they would be a style element, which
 * the page's policy forbids.
 */
export class TextView {
  readonly #view: EditorView;
  readonly #clock: Clock;
  readonly #writable = new Compartment();
  #flashes = 0;

  constructor(text: Text, { place, label, clock, onWrite, onChange, onSelect }: TextViewOptions) {
    const root = place.attachShadow({ mode: 'open' });
    for (const href of ['/pages/shared/theme.css', '/pages/edit/text.css']) {
      root.append(make('link', { rel: 'stylesheet', href }));
    }
    this.#clock = clock;
    this.#view = new EditorView({
      doc: text,
      root,
      parent: root,
      extensions: [
        this.#writable.of(EditorView.editable.of(false)),
        history(),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'true', autocapitalize: 'sentences' }),
        placeholder('Write here. Whoever opens this page sees it at once.'),
        peersShown,
        flashesShown,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.changes);
          for (const tr of update.transactions) if (tr.docChanged && !tr.annotation(foreign)) onWrite(tr.changes);
          if (update.selectionSet || update.docChanged || update.focusChanged) onSelect();
        }),
      ],
    });
  }

  get length(): number {
    return this.#view.state.doc.length;
  }

  get selection(): { readonly anchor: number; readonly head: number } | undefined {
    if (!this.#view.hasFocus) return undefined;
    const { anchor, head } = this.#view.state.selection.main;
    return { anchor, head };
  }

  get peers(): readonly Peer[] {
    return peersOf(this.#view.state);
  }

  set writable(writable: boolean) {
    if (this.#view.state.facet(EditorView.editable) === writable) return;
    this.#view.dispatch({ effects: this.#writable.reconfigure(EditorView.editable.of(writable)) });
  }

  focus(): void {
    this.#view.focus();
  }

  /** What came from elsewhere. */
  apply(changes: ChangeSet): void {
    const annotations = [foreign.of(true), Transaction.addToHistory.of(false), Transaction.remote.of(true)];
    this.#view.dispatch({ changes, annotations });
  }

  /** As if the user had written it. */
  insert(pieces: readonly { readonly at: number; readonly text: string }[]): void {
    const last = pieces.at(-1);
    if (!last) return;
    const changes = this.#view.state.changes(
      pieces.map(({ at, text }) => ({ from: Math.min(at, this.length), insert: text })),
    );
    const end = changes.mapPos(Math.min(last.at, this.length), 1);
    this.#view.dispatch({ changes, selection: { anchor: end }, scrollIntoView: true, userEvent: 'input.paste' });
    this.focus();
  }

  showPeers(peers: readonly Peer[]): void {
    this.#view.dispatch({ effects: setPeers.of(peers) });
  }

  flash(places: readonly Place[]): void {
    const number = ++this.#flashes;
    this.#view.dispatch({ effects: setFlashes.of(places) });
    this.#clock.after(FLASH_MS, () => {
      if (number === this.#flashes) this.#view.dispatch({ effects: setFlashes.of([]) });
    });
  }
}
