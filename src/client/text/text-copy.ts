import { ChangeSet, Text } from '@codemirror/state';
import type { Json } from '../../base/json.ts';
import { editsBetween } from '../../kinds/text/diff.ts';
import { type Edit, toChange, toEdits } from '../../kinds/text/edits.ts';
import { touches } from '../../kinds/text/rebase.ts';
import { Trail } from './trail.ts';

/** Somebody's edits, as the server tells them. */
export type TextDelta = {
  readonly version: number;
  readonly op: Json;
  readonly clientId?: string | undefined;
  readonly seq?: number | undefined;
};

/** What the server answered to the edits that were sent. */
export type TextAnswer =
  | { readonly result: 'ok'; readonly version: number; readonly missed?: readonly TextDelta[] | null }
  | {
      readonly result: 'conflict';
      readonly version: number;
      /** Absent where that is not known any more: then `value`. */
      readonly missed?: readonly TextDelta[];
      readonly with?: readonly Range[];
      readonly reserved?: Reserved;
      readonly value?: string;
    }
  | { readonly result: 'resync'; readonly version: number; readonly value: string };

type Conflict = TextAnswer & { readonly result: 'conflict' };

export type Range = { readonly from: number; readonly to: number };

/** A place is kept for one writer: for somebody else, which is why an edit was refused; or, by this refusal, for its sender. */
export type Reserved = { readonly holder: string; readonly ttlMs: number };

/** What was written here and could not be merged: each text, and where it was, in the text as it is shown now. */
export type Refused = {
  readonly lost: readonly { readonly at: number; readonly text: string }[];
  /** What was in the way. */
  readonly ranges: readonly Range[];
  readonly reserved?: Reserved;
};

/** What follows for whoever shows the text. */
export type Reaction = {
  /** To be applied to the text as it is shown. */
  readonly change: ChangeSet;
  readonly refused?: Refused;
  /** Not known here any more what became of the text: it has to be got anew, and told by `replaced`. */
  readonly stale?: true;
};

type Sent = { readonly seq: number; readonly change: ChangeSet };

/**
 * A text as one client has it: what the server has said, then what was sent and not answered, then what was written meanwhile. At most one request is on its
 * way; the composed rest follows when it is answered. What the server refuses is taken back, together with what was written on top of it, and handed out as
 * lost: sent again by itself it would be mixed into what somebody else has written. Pure: whoever has it does the sending.
 */
export class TextCopy {
  readonly #client: string;
  #stale = false;
  #version: number;
  #synced: Text;
  #sent: Sent | undefined;
  #unsent: ChangeSet;
  readonly #trail = new Trail();
  /** Said as a whole while a request was on its way; what became of that request has to be known first. */
  #waiting: { readonly version: number; readonly value: string } | undefined;

  constructor(client: string, version: number, value: string) {
    this.#client = client;
    this.#version = version;
    this.#synced = textOf(value);
    this.#unsent = ChangeSet.empty(this.#synced.length);
  }

  /** Of the text that the server is known to have. */
  get version(): number {
    return this.#version;
  }

  /** As it is shown: with all that was written here. */
  get shown(): Text {
    return this.#unsent.apply(this.#sentChange().apply(this.#synced));
  }

  /** As the server is known to have it. */
  get synced(): Text {
    return this.#synced;
  }

  /** What was written here and not acknowledged: what was sent of it, and what follows. */
  get pending(): { readonly sent: readonly Edit[] | undefined; readonly unsent: readonly Edit[] } {
    return { sent: this.#sent && toEdits(this.#sent.change), unsent: toEdits(this.#unsent) };
  }

  /** Places of the text as it is shown, in the one that the server has; and back. */
  toSynced(at: number): number {
    return this.#sentChange().compose(this.#unsent).invertedDesc.mapPos(at, -1);
  }

  /** `undefined`: of a version that has not come yet. */
  toShown(at: number, version: number): number | undefined {
    if (version > this.#version) return undefined;
    const now = Math.min(this.#trail.follow(at, version), this.#synced.length);
    return this.#sentChange().compose(this.#unsent).mapPos(now, 1);
  }

  get isSynced(): boolean {
    return this.#sent === undefined && this.#unsent.empty;
  }

  get isWaiting(): boolean {
    return this.#sent !== undefined;
  }

  /** Written here, in the text as it is shown. */
  write(change: ChangeSet): void {
    this.#unsent = this.#unsent.compose(change);
  }

  /** The next operation to be sent under this number; `undefined` while one is on its way, or there is nothing. */
  send(seq: number): { readonly base: number; readonly edits: readonly Edit[] } | undefined {
    if (this.#sent || this.#unsent.empty) return undefined;
    this.#sent = { seq, change: this.#unsent };
    this.#unsent = ChangeSet.empty(this.#unsent.newLength);
    return { base: this.#version, edits: toEdits(this.#sent.change) };
  }

  /** It was not accepted, and may be sent again once the text has come anew. */
  unsend(seq: number): void {
    if (this.#sent?.seq !== seq) return;
    this.#unsent = this.#sent.change.compose(this.#unsent);
    this.#sent = undefined;
    this.#waiting = undefined;
  }

  /** Deltas of a poll, ascending. */
  took(deltas: readonly TextDelta[]): Reaction {
    let change = ChangeSet.empty(this.#length());
    for (const delta of deltas) {
      if (this.#stale || delta.version <= this.#version) continue;
      if (this.#sent && delta.clientId === this.#client && delta.seq === this.#sent.seq) this.#landed(delta.version);
      else change = change.compose(this.#moved(delta));
    }
    return { change };
  }

  answered(seq: number, answer: TextAnswer): Reaction {
    const nothing = ChangeSet.empty(this.#length());
    if (this.#sent?.seq !== seq) return { change: nothing }; // a poll has told it already
    if (answer.result === 'conflict' && answer.missed) return this.#refuse(answer.missed, answer);
    if (answer.result === 'conflict') return this.#resync(answer.version, answer.value ?? '');
    if (answer.result === 'resync') return this.#resync(answer.version, answer.value);
    const waiting = this.#waiting;
    if (waiting && waiting.version >= answer.version) {
      this.#landed(answer.version);
      return this.#resync(waiting.version, waiting.value);
    }
    if (answer.missed === null) {
      this.#landed(this.#version); // in the text somewhere, but nobody knows after what
      this.#stale = true;
      return { change: nothing, stale: true };
    }
    const { change } = this.took(answer.missed ?? []);
    if (this.#sent) this.#landed(answer.version);
    return { change };
  }

  /**
   * The whole text came: what was written here goes on upon it, where it is not in the way of what has changed. `anew`: its versions begin anew, and
   * nothing that was sent before will be answered.
   */
  replaced(version: number, value: string, anew = false): Reaction {
    if (anew) return this.#resync(version, value);
    if (version <= this.#version && !this.#stale) return { change: ChangeSet.empty(this.#length()) };
    if (!this.#sent) return this.#resync(version, value);
    this.#waiting = { version, value };
    return { change: ChangeSet.empty(this.#length()) };
  }

  #sentChange(): ChangeSet {
    return this.#sent?.change ?? ChangeSet.empty(this.#synced.length);
  }

  /** Of the text as it is shown. */
  #length(): number {
    return this.#unsent.newLength;
  }

  #landed(version: number): void {
    this.#trail.add(version, this.#sentChange());
    this.#synced = this.#sentChange().apply(this.#synced);
    this.#sent = undefined;
    this.#waiting = undefined;
    this.#version = version;
  }

  /** Somebody else's edits go below what was written here. Returns what they do to the text as it is shown. */
  #moved({ version, op }: TextDelta): ChangeSet {
    const theirs = toChange(editsOf(op), this.#synced.length);
    this.#version = version;
    return this.#below(theirs);
  }

  #below(theirs: ChangeSet): ChangeSet {
    const sent = this.#sentChange();
    const aboveSent = theirs.map(sent, true);
    this.#trail.add(this.#version, theirs);
    this.#synced = theirs.apply(this.#synced);
    if (this.#sent) this.#sent = { ...this.#sent, change: sent.map(theirs) };
    const shown = aboveSent.map(this.#unsent, true);
    this.#unsent = this.#unsent.map(aboveSent);
    return shown;
  }

  #refuse(missed: readonly TextDelta[], { with: ranges = [], reserved }: Conflict): Reaction {
    const own = this.#sentChange().compose(this.#unsent);
    const undo = own.invert(this.#synced);
    this.#sent = undefined;
    this.#waiting = undefined;
    this.#unsent = ChangeSet.empty(this.#synced.length);
    const { change } = this.took(missed);
    const lost = textsIn(own).map(({ at, text }) => ({ at: change.mapPos(at, 1), text }));
    return { change: undo.compose(change), refused: { lost, ranges, ...(reserved && { reserved }) } };
  }

  /** What is on its way, if anything is, was not accepted. */
  #resync(version: number, value: string): Reaction {
    const edits = editsBetween(this.#synced.toString(), value);
    const theirs = toChange(edits, this.#synced.length);
    const own = this.#sentChange().compose(this.#unsent);
    this.#sent = undefined;
    this.#waiting = undefined;
    this.#stale = false;
    this.#version = version;
    if (!touches(own, theirs)) {
      this.#unsent = own;
      return { change: this.#below(theirs) };
    }
    const undo = own.invert(this.#synced);
    this.#unsent = ChangeSet.empty(this.#synced.length);
    const change = this.#below(theirs);
    const ranges: Range[] = [];
    change.iterChangedRanges((_fromA, _toA, from, to) => void ranges.push({ from, to }));
    const lost = textsIn(own).map(({ at, text }) => ({ at: change.mapPos(at, 1), text }));
    return { change: undo.compose(change), refused: { lost, ranges } };
  }
}

export function textOf(value: string): Text {
  return Text.of(value.split('\n'));
}

function editsOf(op: Json): readonly Edit[] {
  return (op as unknown as { readonly edits: readonly Edit[] }).edits;
}

/** What a change inserts, and where in the text before it. */
function textsIn(change: ChangeSet): { readonly at: number; readonly text: string }[] {
  const texts: { at: number; text: string }[] = [];
  change.iterChanges((at, _to, _fromB, _toB, inserted) => {
    if (inserted.length > 0) texts.push({ at, text: inserted.toString() });
  });
  return texts;
}
