import type { Json } from '../base/json.ts';
import type { ItemEvents } from './events.ts';
import type { ItemCopy } from './item-copy.ts';
import type { Outcome, SentAs, UpdateOptions } from './local.ts';
import type { LockOptions, LockOutcome } from './locks.ts';

/** `signal`: takes the update back, as long as it has not been sent. */
export type PostOptions = UpdateOptions & { readonly signal?: AbortSignal };

/** What an item needs of its space. */
export type ItemHost = {
  post(copy: ItemCopy, kind: string | undefined, op: Json, options: PostOptions): Promise<Outcome>;
  lock(copy: ItemCopy, options: LockOptions): Promise<LockOutcome>;
  release(copy: ItemCopy, signal?: AbortSignal): Promise<void>;
  on<Name extends keyof ItemEvents>(
    item: string,
    name: Name,
    listener: (event: ItemEvents[Name]) => void,
    signal?: AbortSignal,
  ): () => void;
};

/** One item of a space. Handles of one item are interchangeable. */
export class Item {
  readonly id: string;
  readonly #copy: ItemCopy;
  readonly #kind: string | undefined;
  readonly #host: ItemHost;

  constructor(copy: ItemCopy, kind: string | undefined, host: ItemHost) {
    this.id = copy.id;
    this.#copy = copy;
    this.#kind = kind;
    this.#host = host;
  }

  /** As this client sees it: with what was changed here, whether or not the server knows. Never change it in place. */
  get value(): Json | undefined {
    return this.#copy.value;
  }

  /** As the server has told it. */
  get confirmed(): Json | undefined {
    return this.#copy.confirmed;
  }

  /** Of the confirmed state; 0 where there is none. */
  get version(): number {
    return this.#copy.held?.version ?? 0;
  }

  /** The newest version that is in the server's store, as far as this client has heard. */
  get durableVersion(): number {
    return this.#copy.held?.durableVersion ?? 0;
  }

  /** Every change that was made here has been acknowledged. */
  get saved(): boolean {
    return this.#copy.locals.every(({ acked }) => acked !== undefined);
  }

  /** A loss of the server's cache took something of it that is being brought back. */
  get restoring(): boolean {
    return this.#copy.losses.first !== undefined;
  }

  /** The newest update made here that has no answer yet: the number it was sent under, if it was sent, and what will become of it. */
  get unanswered():
    | { readonly op: Json; readonly sentAs: SentAs | undefined; outcome(): Promise<Outcome> }
    | undefined {
    const local = this.#copy.locals.findLast(({ acked, lost }) => !acked && !lost);
    if (!local) return undefined;
    const outcome = (): Promise<Outcome> => new Promise((resolve) => local.settle.push(resolve));
    return { op: local.op, sentAs: local.sentAs, outcome };
  }

  /** The client that has it locked. */
  get holder(): string | undefined {
    return this.#copy.held?.lock?.holder;
  }

  /** This client has it locked. */
  get locked(): boolean {
    return this.#copy.fence !== undefined;
  }

  /** Each of these is seen in `value` at once, and settles with what the server says; it never rejects. */
  set(value: Json, options: PostOptions = {}): Promise<Outcome> {
    return this.post({ set: value }, options);
  }

  /** RFC 7396: objects by key, `null` removes. */
  merge(patch: Json, options: PostOptions = {}): Promise<Outcome> {
    return this.post({ merge: patch }, options);
  }

  delete(options: PostOptions = {}): Promise<Outcome> {
    return this.post({ delete: true }, options);
  }

  /** Any operation of the item's kind. */
  post(op: Json, options: PostOptions = {}): Promise<Outcome> {
    return this.#host.post(this.#copy, this.#kind, op, options);
  }

  /** Throws `RefusedError` where the server refuses for another reason than somebody holding it, `NoAnswerError` without an answer. */
  lock(options: LockOptions = {}): Promise<LockOutcome> {
    return this.#host.lock(this.#copy, options);
  }

  /** Ends a series of changes: has the last one stored, and frees the lock. */
  release(signal?: AbortSignal): Promise<void> {
    return this.#host.release(this.#copy, signal);
  }

  /** Returns the way to stop listening. */
  on<Name extends keyof ItemEvents>(
    name: Name,
    listener: (event: ItemEvents[Name]) => void,
    signal?: AbortSignal,
  ): () => void {
    return this.#host.on(this.id, name, listener, signal);
  }
}
