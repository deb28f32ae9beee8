import type { ChangeSet, Text } from '@codemirror/state';
import type { Json } from '../../base/json.ts';
import { toChange } from '../../kinds/text/edits.ts';
import type { Clock } from '../../ports/clock.ts';
import { Emitter } from '../emitter.ts';
import type { News, SpaceEvents } from '../events.ts';
import type { Item } from '../item.ts';
import type { Outcome } from '../local.ts';
import type { Space } from '../space.ts';
import { realClock } from '../system.ts';
import { pause } from '../timing.ts';
import { type Kept, readKept, type TextStorage, writeKept } from './kept.ts';
import { type Reaction, type Refused, type TextAnswer, TextCopy, type TextDelta } from './text-copy.ts';
import { isSteps, isWithoutText } from './told.ts';

export type { TextStorage } from './kept.ts';

export type TextEvents = {
  /** Somebody else's doing, or what was taken back: to be applied to the text as it is shown. */
  change: ChangeSet;
  /** What was written here and taken back. `outcome`: where the server would not have had it anyway, why. */
  refused: Refused & { readonly outcome?: Outcome };
  /** What is written, sent or acknowledged here has changed. */
  saving: undefined;
  /** The storage does not take what it should keep: a reload would lose it. */
  unkept: unknown;
};

export type TextOptions = {
  /** Keeps what was not acknowledged, over reloads. */
  readonly storage?: TextStorage;
  readonly clock?: Clock;
};

/** By which the copy knows this client's own edits; the server knows them by other names. */
const ME = 'me';
/** Whoever knows all steps restores at once; a slow one of them may take so long. */
const OTHERS_MS = 3_000;

/**
 * A text that is edited here and elsewhere: what was written is sent, one request at a time, over the space that the item is of. What the server has not
 * acknowledged is kept in the storage, and is there again after a reload.
 */
export class TextDocument {
  readonly #space: Space;
  readonly #item: Item;
  readonly #storage: TextStorage | undefined;
  readonly #clock: Clock;
  readonly #events = new Emitter<TextEvents>();
  readonly #ending = new AbortController();
  #copy: TextCopy;
  /** Of the space; and the one that the version of the copy is of. */
  #epoch: string | undefined;
  #epochOfCopy: string | undefined;
  /** Edits that were given to the space, counted; the newest is of this number. */
  #posted = 0;
  /** The steps from what the copy has are not known: it waits for the text as a whole. */
  #isBehind = false;
  /** What a loss of the cache took is back as of this version; what comes before is an older text. */
  #restored = 0;
  /** The last thing that may have taken the text back. */
  #loss = '';
  /** Others may know more than this client of what was lost: they are given a moment. Which loss that was, and whether it lasts. */
  #lossWaitedFor = '';
  #isWaitingForOthers = false;
  /** Edits of this number came when the text was deleted: they are sent again once that is told, or what was made in its place. */
  #foundNothing: number | undefined;
  /** It is known to be there, or to have been. */
  #isMade = false;

  private constructor(space: Space, item: Item, { storage, clock = realClock }: TextOptions, copy: TextCopy) {
    this.#space = space;
    this.#item = item;
    this.#storage = storage;
    this.#clock = clock;
    this.#copy = copy;
  }

  /**
   * Settles as soon as what an earlier life of the page has left is shown; the rest is told as it comes. Where there is no such text, it is made. The space must have been
   * connected with the kind `text`, and an item has one document at a time.
   */
  static async open(space: Space, id: string, options: TextOptions = {}): Promise<TextDocument> {
    const isOwn = await space.loaded(); // of a copy, whoever wrote it sends it
    const kept = isOwn ? readKept(options.storage) : undefined;
    const item = space.item(id, 'text');
    const document = new TextDocument(space, item, options, new TextCopy(ME, kept?.version ?? 0, kept?.synced ?? ''));
    if (!isOwn) document.#keep();
    document.#listen();
    document.#resume(kept);
    if (item.version > 0) document.#catchUp();
    void document.#makeIfAbsent();
    return document;
  }

  /** As it is shown: with all that was written here. */
  get shown(): Text {
    return this.#copy.shown;
  }

  /** Of the text that the server is known to have. */
  get version(): number {
    return this.#copy.version;
  }

  /** What is shown is a text, not the absence of news of it: it may be written in. */
  get isThere(): boolean {
    return this.#isMade || this.version > 0;
  }

  get durableVersion(): number {
    return this.#item.durableVersion;
  }

  /** The server has acknowledged everything that was written here. */
  get isSynced(): boolean {
    return this.#copy.isSynced;
  }

  /** Places of the text as it is shown, in the one that the server has; and back. */
  toSynced(at: number): number {
    return this.#copy.toSynced(at);
  }

  /** `undefined`: of a version that has not come yet. */
  toShown(at: number, version: number): number | undefined {
    return this.#copy.toShown(at, version);
  }

  /** Written here, in the text as it is shown. */
  write(change: ChangeSet): void {
    if (change.empty) return;
    this.#copy.write(change);
    this.#send();
    this.#saved();
  }

  on<Name extends keyof TextEvents>(
    name: Name,
    listener: (event: TextEvents[Name]) => void,
    signal?: AbortSignal,
  ): () => void {
    return this.#events.on(name, listener, signal);
  }

  /** Hears and sends nothing more. What was not acknowledged stays in the storage. */
  close(): void {
    this.#ending.abort();
    this.#keep();
  }

  #listen(): void {
    const { signal } = this.#ending;
    this.#item.on('news', (news) => this.#hear(news), signal);
    this.#space.on('told', (ids) => ids.includes(this.#item.id) && this.#events.emit('saving', undefined), signal);
    const onRestored: (event: SpaceEvents['restored']) => void = ({ item, result }) => {
      if (item !== this.#item.id) return;
      if (result.result === 'ok') {
        this.#restored = result.version;
        this.#lossWaitedFor = this.#loss;
      }
      this.#catchUp();
    };
    this.#space.on('restored', onRestored, signal);
  }

  async #makeIfAbsent(): Promise<void> {
    const { signal } = this.#ending;
    await this.#space.ready(signal).catch(() => undefined); // closed before
    const isThere = this.#item.value !== undefined || this.#item.unanswered !== undefined;
    if (!signal.aborted && !isThere) await this.#item.post({ create: {} }, { ifVersion: 0 });
  }

  /** Goes on where an earlier life of the page has ended. */
  #resume(kept: Kept | undefined): void {
    if (!kept) return;
    const { unanswered } = this.#item;
    if (kept.sent) this.#copy.write(toChange(kept.sent, this.#copy.synced.length));
    if (kept.sent && unanswered) {
      this.#copy.send(++this.#posted);
      void unanswered.outcome().then(this.#answer(this.#posted));
    }
    this.#copy.write(toChange(kept.unsent, this.#copy.shown.length));
  }

  #hear({ answer, epoch }: News): void {
    if (epoch !== this.#epoch) this.#restored = 0;
    this.#epoch = epoch;
    const back = answer && 'rolledBack' in answer ? answer.rolledBack : undefined;
    if (back || epoch !== this.#epochOfCopy) this.#loss = `${epoch} ${back?.to}`;
    const isNext = epoch === this.#epochOfCopy && !this.#isBehind && !this.#item.restoring;
    if (!isNext || !answer || !isSteps(answer) || answer.from > this.#copy.version) {
      this.#catchUp();
      return;
    }
    const { sentAs } = this.#item.unanswered ?? {};
    const deltas = answer.deltas.map(({ version, op, clientId, seq }): TextDelta => {
      const isMine = sentAs !== undefined && clientId === sentAs.clientId && seq === sentAs.seq;
      return { version, op: op as Json, ...(isMine && { clientId: ME, seq: this.#posted }) };
    });
    this.#react(this.#copy.took(deltas));
  }

  /** Takes the text as the space has it, unless more of it is about to come back. */
  #catchUp(): void {
    const { restoring, version, confirmed } = this.#item;
    if (!restoring) this.#waitForOthers();
    this.#isBehind = restoring || version < this.#restored || this.#isWaitingForOthers;
    if (this.#isBehind) return;
    const isGone = confirmed === undefined;
    this.#isMade ||= !isGone;
    // Within an epoch numbers only rise, until the item is deleted.
    const begins = isGone || (version < this.#copy.version && this.#epoch !== this.#epochOfCopy);
    this.#epochOfCopy = this.#epoch;
    if (this.#foundNothing !== undefined && (isGone || version > this.#copy.version)) {
      this.#copy.unsend(this.#foundNothing);
      this.#foundNothing = undefined;
    }
    this.#react(this.#copy.replaced(isGone ? 0 : version, isGone ? '' : String(confirmed), begins));
  }

  /** The text has gone back, and this client cannot bring it forward: it does not know every step. */
  #waitForOthers(): void {
    if (this.#epochOfCopy === undefined) this.#lossWaitedFor = this.#loss; // nothing was known before
    const isBack = this.#loss !== this.#lossWaitedFor;
    const isSame = this.#item.confirmed === this.#copy.synced.toString();
    if (isSame) this.#isWaitingForOthers = false;
    if (!isBack || isSame || this.#item.confirmed === undefined) return;
    this.#lossWaitedFor = this.#loss;
    this.#isWaitingForOthers = true;
    const goOn = (): void => {
      this.#isWaitingForOthers = false;
      this.#catchUp();
    };
    void pause(this.#clock, OTHERS_MS, this.#ending.signal).then(goOn, () => undefined);
  }

  #send(): void {
    if (this.#ending.signal.aborted || !this.#isMade || this.#isBehind || this.#copy.isWaiting) return;
    const op = this.#copy.send(this.#posted + 1);
    if (!op) return;
    this.#posted++;
    void this.#item.post(op as unknown as Json).then(this.#answer(this.#posted));
    this.#keep();
  }

  #answer(number: number): (outcome: Outcome) => void {
    return (outcome) => {
      if (this.#ending.signal.aborted || outcome.result === 'closed') return;
      if (outcome.result === 'resync' && outcome.value === null) {
        this.#isMade = true; // and deleted since
        this.#foundNothing = number;
        this.#catchUp();
      } else if (outcome.result === 'resync' && this.#isWaitingForOthers) {
        this.#copy.unsend(number); // that text is the one that has gone back
        this.#saved();
      } else if (isWithoutText(outcome)) {
        this.#copy.unsend(number);
        if (this.#item.confirmed === undefined) this.#send();
        else this.#catchUp();
        this.#saved();
      } else if (outcome.result === 'ok' || outcome.result === 'conflict' || outcome.result === 'resync') {
        this.#react(this.#copy.answered(number, outcome as TextAnswer));
      } else {
        const takenBack: TextAnswer = { result: 'conflict', version: this.#copy.version, missed: [] };
        this.#react(this.#copy.answered(number, takenBack), outcome);
      }
    };
  }

  #react({ change, refused, stale }: Reaction, outcome?: Outcome): void {
    if (!change.empty) this.#events.emit('change', change);
    if (refused && refused.lost.length + refused.ranges.length > 0) {
      this.#events.emit('refused', { ...refused, ...(outcome && { outcome }) });
    }
    if (stale) this.#catchUp();
    this.#send();
    this.#saved();
  }

  #saved(): void {
    this.#keep();
    this.#events.emit('saving', undefined);
  }

  #keep(): void {
    const { version, synced, pending } = this.#copy;
    try {
      writeKept(this.#storage, this.#copy.isSynced ? undefined : { version, synced, ...pending });
    } catch (error) {
      this.#events.emit('unkept', error);
    }
  }
}
