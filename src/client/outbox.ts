import { isObject, type Json } from '../base/json.ts';
import type { PostUpdateRequest } from '../protocol/post-update.ts';
import type { Repeat } from './copies.ts';
import type { ItemCopy } from './item-copy.ts';
import { foldInto, type Local } from './local.ts';
import {
  MAX_CHARS,
  MAX_UPDATES,
  type Part,
  repeatsOf,
  restoresOf,
  type Sending,
  sendingAgain,
  sendingOf,
} from './request.ts';
import type { Storage } from './storage.ts';

export type Fold = (kind: string | undefined, first: Json, second: Json) => Json | undefined;

/** Whether nobody else goes by this client id. */
export type TakeName = (clientId: string) => Promise<boolean>;

const FORM = 1;

/** Updates on their way to the server: those that wait, in order, and the requests that were made of earlier ones. */
export class Outbox {
  clientId: string;
  readonly waiting: Local[] = [];
  /** The first is being sent; the others come after it. */
  #line: Sending[] = [];
  readonly #newId: () => string;
  readonly #takeName: TakeName;
  readonly #fold: Fold;
  readonly #storage: Storage | undefined;
  #nextSeq = 1;
  readonly #read = Promise.withResolvers<void>();
  /** Begins once the storage was read: what an earlier life left must not be written over before. */
  #saving = this.#read.promise;
  #queued = false;

  constructor(newId: () => string, takeName: TakeName, fold: Fold, storage: Storage | undefined) {
    this.clientId = newId();
    this.#newId = newId;
    this.#takeName = takeName;
    this.#fold = fold;
    this.#storage = storage;
  }

  /**
   * Takes over what an earlier life left, before everything that was added since. `undefined`: that life goes on elsewhere, and will send it; the
   * storage is a copy.
   */
  async load(): Promise<readonly Local[] | undefined> {
    const text = await this.#storage?.load();
    const left = text === undefined ? undefined : parse(text);
    const isFree = left === undefined || (await this.#takeName(left.clientId));
    const found = left && isFree ? this.#takeOver(left) : [];
    if (!left || !isFree) void this.#takeName(this.clientId);
    this.#read.resolve();
    return isFree ? found : undefined;
  }

  #takeOver(left: Left): readonly Local[] {
    this.clientId = left.clientId;
    this.#nextSeq = left.nextSeq;
    this.#line = left.line.map(sendingAgain);
    const waiting = left.waiting.map((local) => ({ ...local, kind: local.kind, fence: local.fence, settle: [] }));
    this.waiting.unshift(...waiting);
    const sent = this.#line.flatMap(({ parts }) => parts.flatMap((part) => ('local' in part ? [part.local] : [])));
    return [...sent, ...waiting];
  }

  /** Settles when what stands is in the storage. What changes while it is written is written next. */
  save(): Promise<void> {
    if (this.#storage === undefined) return Promise.resolve();
    if (this.#queued) return this.#saving;
    this.#queued = true;
    const write = async (): Promise<void> => {
      this.#queued = false;
      await this.#storage?.save(this.#text());
    };
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.#line.length === 0;
  }

  get first(): Sending | undefined {
    return this.#line[0];
  }

  has(item: string): boolean {
    const isOf = (part: Part): boolean => 'local' in part && part.local.item === item;
    return this.#line.some(({ parts }) => parts.some(isOf)) || this.waiting.some((local) => local.item === item);
  }

  /** The update that it became part of, or itself. */
  add(local: Local): Local {
    const last = this.waiting.findLast(({ item }) => item === local.item);
    if (last && foldInto(last, local, (first, second) => this.#fold(local.kind, first, second))) return last;
    this.waiting.push(local);
    return local;
  }

  /** Takes it back, if it has not been sent. */
  withdraw(local: Local): boolean {
    const at = this.waiting.indexOf(local);
    if (at >= 0) this.waiting.splice(at, 1);
    return at >= 0;
  }

  /** The server knows the numbers below. */
  startAt(nextSeq: number): void {
    this.#nextSeq = Math.max(this.#nextSeq, nextSeq);
  }

  /** Somebody else goes by this name. Returns whether there is another one. */
  rename(): boolean {
    const before = this.clientId;
    this.clientId = this.#newId();
    this.#nextSeq = 1;
    void this.#takeName(this.clientId);
    return this.clientId !== before;
  }

  /** What others and this client know to be lost goes first: a write that came before it would build on less. */
  restore(copies: readonly ItemCopy[]): void {
    if (this.first?.sort !== 'restores') this.#line.unshift(restoresOf(copies));
  }

  /** Before any request with a higher number, among them one that may be on its way. */
  repeat(repeats: readonly Repeat[]): void {
    this.#line.unshift(...repeatsOf(repeats));
  }

  /** Makes the next request of what waits, if anything may go. An item comes once in a request, and in its order. */
  form(): boolean {
    const parts: Part[] = [];
    const left: Local[] = [];
    const passed = new Set<string>();
    let chars = 0;
    let closed = false;
    for (const local of this.waiting) {
      const size = JSON.stringify(local.op).length;
      const fits = parts.length === 0 || (parts.length < MAX_UPDATES && chars + size <= MAX_CHARS && !local.alone);
      if (closed || !fits || passed.has(local.item)) left.push(local);
      else {
        parts.push({ local });
        chars += size;
        closed = local.alone;
      }
      passed.add(local.item); // also where it waits: later ones must not overtake it
    }
    if (parts.length === 0) return false;
    this.waiting.splice(0, this.waiting.length, ...left);
    const sentAs = { clientId: this.clientId, seq: this.#nextSeq++ };
    for (const part of parts) if ('local' in part) part.local.sentAs = sentAs;
    this.#line.push(sendingOf('new', parts, sentAs));
    return true;
  }

  /** The request is settled; what has to be asked again goes into others. */
  settled(sending: Sending): void {
    this.#line = this.#line.filter((one) => one !== sending);
    this.waiting.unshift(...sending.again);
  }

  #text(): string {
    const waiting = this.waiting.map(({ item, kind, op, options, fence, alone }) => {
      return { item, kind, op, options, fence, alone };
    });
    const line = this.#line.filter(({ sort }) => sort !== 'restores').map(({ request }) => request);
    return JSON.stringify({ form: FORM, clientId: this.clientId, nextSeq: this.#nextSeq, line, waiting });
  }
}

type Left = {
  readonly form: number;
  readonly clientId: string;
  readonly nextSeq: number;
  readonly line: readonly PostUpdateRequest[];
  readonly waiting: readonly Pick<Local, 'item' | 'kind' | 'op' | 'options' | 'fence' | 'alone'>[];
};

/** What is not of this form was not written by this program. */
function parse(text: string): Left | undefined {
  try {
    const left: unknown = JSON.parse(text);
    return isObject(left) && left.form === FORM ? (left as unknown as Left) : undefined;
  } catch {
    return undefined;
  }
}
