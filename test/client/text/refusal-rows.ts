import { ChangeSet } from '@codemirror/state';
import type { TextAnswer, TextDelta } from '../../../src/client/text/text-copy.ts';
import { meet, type Places } from '../../../src/kinds/places.ts';
import type { Edit } from '../../../src/kinds/text/edits.ts';

type Row = { readonly times: number; readonly at: Places };

/** How often somebody is refused in a row at one place of a text, told from what is sent and answered. */
export class RefusalRows {
  /** By how many they were. */
  readonly rows = new Map<number, number>();
  #length: number;
  readonly #open = new Map<string, Row>();

  constructor(length: number) {
    this.#length = length;
  }

  get longest(): number {
    return Math.max(0, ...this.rows.keys());
  }

  accepted(client: string, edits: readonly Edit[]): void {
    this.#end(client);
    const change = changeOf(edits, this.#length);
    this.#length = change.newLength;
    for (const [other, row] of this.#open) this.#open.set(other, { ...row, at: moved(row.at, change) });
  }

  refused(client: string, edits: readonly Edit[], missed: readonly TextDelta[]): void {
    let length = this.#length;
    for (const { op } of missed) for (const [, del, ins] of editsOf(op)) length += del - ins.length;
    let all: Places = edits.map(([from, del]) => [from, from + del]);
    const hit = new Set<number>();
    for (const { op } of missed) {
      const change = changeOf(editsOf(op), length);
      for (const [i, [from, to]] of all.entries()) if (change.touchesRange(from, to)) hit.add(i);
      all = moved(all, change);
      length = change.newLength;
    }
    const at = all.filter((_, i) => hit.has(i));
    const before = this.#open.get(client);
    const goesOn = before !== undefined && meet(before.at, at);
    if (!goesOn) this.#end(client);
    this.#open.set(client, { times: (goesOn ? before.times : 0) + 1, at });
  }

  /** What is still open counts, too. */
  finish(): void {
    for (const client of [...this.#open.keys()]) this.#end(client);
  }

  #end(client: string): void {
    const { times = 0 } = this.#open.get(client) ?? {};
    if (times > 0) this.rows.set(times, (this.rows.get(times) ?? 0) + 1);
    this.#open.delete(client);
  }
}

export function editsOf(op: unknown): readonly Edit[] {
  return (op as { readonly edits: readonly Edit[] }).edits;
}

export function missedBy(answer: TextAnswer): readonly TextDelta[] {
  return ('missed' in answer && answer.missed) || [];
}

function changeOf(edits: readonly Edit[], length: number): ChangeSet {
  return ChangeSet.of(
    edits.map(([from, del, insert]) => ({ from, to: from + del, insert })),
    length,
    '\n',
  );
}

function moved(at: Places, change: ChangeSet): Places {
  return at.map(([from, to]) => [change.mapPos(from, -1), change.mapPos(to, 1)]);
}
