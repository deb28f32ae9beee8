import { ChangeSet } from '@codemirror/state';
import { type ConnectOptions, connect, type Space } from '../../../src/client/connect.ts';
import { TextDocument, type TextEvents, type TextStorage, text } from '../../../src/client/text/text.ts';
import { textOf } from '../../../src/client/text/text-copy.ts';

/** What a tab keeps over reloads. */
export class Tab {
  readonly #kept = new Map<string, string>();
  isFull = false;

  area(name: string): TextStorage {
    const save = (kept: string): void => {
      if (this.isFull) throw new Error('the storage is full');
      this.#kept.set(name, kept);
    };
    return { load: () => this.#kept.get(name), save };
  }

  /** Of a tab that is duplicated. */
  copy(): Tab {
    const copy = new Tab();
    for (const [name, kept] of this.#kept) copy.#kept.set(name, kept);
    return copy;
  }

  get isEmpty(): boolean {
    return !this.#kept.get('text');
  }
}

/** One person who writes in a text through the client library, over a network that can be made worse. */
export class Writer {
  readonly space: Space;
  readonly document: TextDocument;
  readonly refused: TextEvents['refused'][] = [];
  /** What an editor shows that hears of changes alone. */
  shown: string;

  private constructor(space: Space, document: TextDocument) {
    this.space = space;
    this.document = document;
    this.shown = document.shown.toString();
    document.on('refused', (refused) => this.refused.push(refused));
    document.on('change', (change) => {
      this.shown = change.apply(textOf(this.shown)).toString();
    });
  }

  static async open(url: string, tab = new Tab(), more: Partial<ConnectOptions> = {}): Promise<Writer> {
    const space = connect({ url, space: 'board', kinds: [text], storage: tab.area('space'), durable: true, ...more });
    return new Writer(space, await TextDocument.open(space, 'text', { storage: tab.area('text') }));
  }

  /** At that place, counted from the end where it is negative. */
  write(at: number, insert: string, del = 0): void {
    const from = at < 0 ? this.document.shown.length + 1 + at : at;
    const change = ChangeSet.of({ from, to: from + del, insert }, this.document.shown.length);
    this.shown = change.apply(textOf(this.shown)).toString();
    this.document.write(change);
  }

  /** Behind the first place where that text is. */
  writeBehind(mark: string, insert: string): void {
    this.write(this.shown.indexOf(mark) + mark.length, insert);
  }

  get lost(): string[] {
    return this.refused.flatMap(({ lost }) => lost.map(({ text: one }) => one));
  }

  close(): void {
    this.document.close();
    this.space.close();
  }
}
