import type { Json } from '../base/json.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import { iterateChanges } from './changes.ts';
import type { Parts } from './connection.ts';
import type { Intake } from './copies.ts';
import { copyOf } from './copy.ts';
import { Emitter } from './emitter.ts';
import { equal } from './equal.ts';
import type { Change, ItemEvents, Person, SpaceEvents } from './events.ts';
import { Item, type ItemHost, type PostOptions } from './item.ts';
import type { ItemCopy } from './item-copy.ts';
import type { Local, Outcome, UpdateOptions } from './local.ts';
import { Locks } from './locks.ts';
import { type Status, statusOf } from './machine.ts';
import { Presence, type Said } from './presence.ts';
import { Reader } from './reader.ts';
import { Roster } from './roster.ts';
import { Sender } from './sender.ts';
import { listenIn, unlessAborted, until } from './timing.ts';
import type { TransportName } from './transport.ts';

export type SpaceOptions = Said & { readonly durable: boolean; readonly join: boolean };

/** A space, followed from `connect` to `close`. */
export class Space {
  readonly #parts: Parts;
  readonly #ending: AbortController;
  readonly #reader: Reader;
  readonly #sender: Sender;
  readonly #locks: Locks;
  readonly #presence: Presence;
  readonly #roster = new Roster();
  readonly #events = new Emitter<SpaceEvents>();
  readonly #itemEvents = new Map<string, Emitter<ItemEvents>>();
  /** What listeners know of each item. */
  readonly #shown = new Map<ItemCopy, Json | undefined>();
  readonly #settled = new Set<() => void>();
  readonly #loaded = Promise.withResolvers<boolean>();
  #failure: unknown;

  constructor(parts: Parts, ending: AbortController, options: SpaceOptions) {
    this.#parts = parts;
    this.#ending = ending;
    this.#reader = new Reader(parts, {
      durable: options.durable,
      ...(options.join && { join: (clientId: string) => this.#presence.join(clientId) }),
      onAnswer: (answer, intake, first) => this.#take(answer, intake, first),
    });
    this.#sender = new Sender(parts, {
      onOutcome: (local, outcome) => this.#told(local, outcome),
      onRestored: (item, result) => this.#events.emit('restored', { item, result }),
      onSettled: () => {
        for (const call of [...this.#settled]) call();
      },
    });
    const { clock, transport, outbox, signal, connection } = parts;
    const onLock = (item: string, held: boolean): void => this.#itemEvents.get(item)?.emit('lock', held);
    this.#locks = new Locks({ clock, transport, clientId: () => outbox.clientId, signal, onLock });
    const me = (): string | undefined => (connection.state.link === 'live' ? this.#reader.joined?.clientId : undefined);
    this.#presence = new Presence(options, { clock, transport, signal, me, onTrouble: parts.onTrouble });
    connection.onStatus = () => {
      this.#presence.goOn();
      this.#events.emit('status', this.status);
    };
    signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  /** Called once, by `connect`. */
  async start(): Promise<void> {
    const { outbox, copies, signal } = this.#parts;
    try {
      signal.throwIfAborted();
      const left = await outbox.load();
      for (const local of left?.toReversed() ?? []) {
        copies.of(local.item).locals.unshift(local);
        this.#show(copies.of(local.item), true);
      }
      if (!left) void outbox.save().catch(this.#parts.onTrouble);
      this.#loaded.resolve(left !== undefined);
      await Promise.race([this.#reader.run(), this.#sender.run()]);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  get status(): Status {
    return statusOf(this.#parts.connection.state);
  }

  /** What news come over just now; `undefined` where the transport does not say. */
  get transport(): TransportName | undefined {
    return this.#parts.transport.name;
  }

  /** Why it has closed itself. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Who is here; empty where the server does not tell. */
  get clients(): readonly Person[] {
    return this.#roster.people;
  }

  /** By which the server and the others know this client. */
  get clientId(): string {
    return this.#parts.outbox.clientId;
  }

  /** Changes what others see of this client: the last word counts, at most nine a second. Up to 1 KiB as JSON. */
  say(data: unknown): void {
    this.#presence.say(data);
  }

  /** `kind`: of the item, should it have to be made; `register` where nothing is said. */
  item(id: string, kind?: string): Item {
    return new Item(this.#parts.copies.of(id), kind, this.#host);
  }

  /** Those that have a value now. */
  items(): Item[] {
    return [...this.#parts.copies.all()].filter(({ value }) => value !== undefined).map(({ id }) => this.item(id));
  }

  on<Name extends keyof SpaceEvents>(
    name: Name,
    listener: (event: SpaceEvents[Name]) => void,
    signal?: AbortSignal,
  ): () => void {
    return this.#events.on(name, listener, signal);
  }

  /** Changes from now on, until the space is closed or `signal` aborts. */
  changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Change, void, void> {
    const ended = signal ? AbortSignal.any([signal, this.#parts.signal]) : this.#parts.signal;
    return iterateChanges((listener, stop) => this.#events.on('change', listener, stop), ended);
  }

  /** Settles as soon as it is known what an earlier life of the page has left in the storage. `false`: that life goes on elsewhere, and this storage is a copy. */
  loaded(): Promise<boolean> {
    return unlessAborted(this.#loaded.promise, this.#parts.signal);
  }

  /** Settles as soon as everything that is there has come. */
  ready(signal?: AbortSignal): Promise<void> {
    return this.#when(
      () => this.status === 'live' || this.status === 'not-saved',
      (look) => this.#events.on('status', look),
      signal,
    );
  }

  /** Settles as soon as the server has answered everything that was changed here. */
  flush(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#parts.outbox.isEmpty, listenIn(this.#settled), signal);
  }

  /** Ends everything at once. What was not acknowledged stays in the storage, if there is one. */
  close(): void {
    this.#ending.abort(new Error('the space was closed'));
  }

  readonly #host: ItemHost = {
    post: (copy, kind, op, options) => this.#post(copy, kind, op, options),
    lock: (copy, options) => this.#locks.lock(copy, options),
    release: (copy, signal) => this.#release(copy, signal),
    on: (item, name, listener, signal) => {
      const emitter = this.#itemEvents.get(item) ?? new Emitter<ItemEvents>();
      this.#itemEvents.set(item, emitter);
      return emitter.on(name, listener, signal);
    },
  };

  #post(copy: ItemCopy, kind: string | undefined, op: Json, { signal, ...options }: PostOptions): Promise<Outcome> {
    const { outbox, connection, signal: closed } = this.#parts;
    const item = copy.id;
    if (closed.aborted) return Promise.resolve({ item, result: 'closed' });
    if (signal?.aborted) return Promise.resolve({ item, result: 'withdrawn' });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const own = { op: copyOf(op), options: copyOf(options) as UpdateOptions };
    const local: Local = {
      ...{ item, kind, ...own, fence: copy.fence, alone: false, settle: [resolve] },
      ...(signal && { apart: true }),
    };
    if (options.release) this.#locks.forget(copy);
    const added = outbox.add(local);
    if (added === local) copy.locals.push(local);
    if (signal) {
      const withdraw = (): void => this.#withdraw(copy, local);
      signal.addEventListener('abort', withdraw);
      void promise.then(() => signal.removeEventListener('abort', withdraw));
    }
    void outbox.save().catch(this.#parts.onTrouble);
    this.#show(copy, true);
    connection.bell.ring();
    return promise;
  }

  #withdraw(copy: ItemCopy, local: Local): void {
    if (!this.#parts.outbox.withdraw(local)) return;
    copy.drop(local);
    void this.#parts.outbox.save().catch(this.#parts.onTrouble);
    for (const settle of local.settle) settle({ item: copy.id, result: 'withdrawn' });
    this.#show(copy, true);
  }

  async #release(copy: ItemCopy, signal: AbortSignal | undefined): Promise<void> {
    const { outbox } = this.#parts;
    const last = outbox.waiting.findLast(({ item }) => item === copy.id);
    if (last && last.fence === copy.fence) {
      last.options = { ...last.options, release: true };
      this.#locks.forget(copy);
      const { result } = await new Promise<Outcome>((resolve) => last.settle.push(resolve));
      // What is refused frees nothing.
      if (last.fence === undefined || result === 'ok' || result === 'closed') return;
      return this.#locks.unlock(copy, signal);
    }
    if (copy.fence === undefined) return;
    await this.#when(() => !outbox.has(copy.id), listenIn(this.#settled), signal);
    await this.#locks.unlock(copy, signal);
  }

  #take(answer: GetUpdatesResponse, intake: Intake, first: boolean): void {
    const { mustReset, clients } = answer;
    if (this.#roster.take(clients, first || mustReset !== undefined)) this.#events.emit('clients', this.clients);
    if (mustReset) this.#events.emit('reset', { reason: mustReset.reason });
    this.#parts.outbox.repeat(intake.repeats);
    for (const copy of intake.changed) {
      this.#show(copy, false);
      const news = { answer: answer.items.findLast(({ id }) => id === copy.id), epoch: answer.epoch };
      this.#itemEvents.get(copy.id)?.emit('news', news);
    }
    const told = new Set([...answer.items.map(({ id }) => id), ...Object.keys(answer.durable ?? {})]);
    if (told.size > 0) this.#events.emit('told', [...told]);
  }

  #told(local: Local, outcome: Outcome): void {
    const { item, op, options } = local;
    const copy = this.#parts.copies.of(item);
    if (outcome.result === 'fenced') this.#locks.forget(copy);
    this.#show(copy, true);
    for (const settle of local.settle) settle(outcome);
    this.#events.emit('told', [item]);
    if (outcome.result === 'ok') return;
    if (outcome.result === 'conflict') {
      const { version, value = copy.held?.version === version ? copy.confirmed : undefined } = outcome;
      const theirs = { version, value };
      const conflict = { item, mine: { op, ifVersion: options.ifVersion }, theirs };
      this.#itemEvents.get(item)?.emit('conflict', conflict);
      this.#events.emit('conflict', conflict);
    }
    this.#itemEvents.get(item)?.emit('refused', { item, op, outcome });
    this.#events.emit('refused', { item, op, outcome });
  }

  /** Tells listeners, if the value has become another one. */
  #show(copy: ItemCopy, mine: boolean): void {
    const before = this.#shown.get(copy);
    const { value } = copy;
    if (equal(before, value)) return;
    this.#shown.set(copy, value);
    const change = { item: copy.id, value, before, version: copy.held?.version ?? 0, mine };
    this.#itemEvents.get(copy.id)?.emit('change', change);
    this.#events.emit('change', change);
  }

  #when(
    holds: () => boolean,
    listen: (look: () => void) => () => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const ended = signal ? AbortSignal.any([signal, this.#parts.signal]) : this.#parts.signal;
    return until(holds, listen, ended, () => this.#failure ?? ended.reason);
  }

  /** A failure that is tried again. */
  trouble(error: unknown): void {
    this.#events.emit('error', error);
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#ending.abort(error);
    this.#events.emit('error', error);
  }

  #end(): void {
    const { connection, transport, copies } = this.#parts;
    this.#locks.close();
    connection.report('closed');
    const me = this.#reader.joined;
    // Nobody waits for it, and the lease ends by itself.
    if (me) transport.leave(me.clientId, me.generation).catch(() => undefined);
    for (const copy of copies.all()) {
      for (const { item, settle, acked } of copy.locals) {
        if (!acked) for (const call of settle) call({ item, result: 'closed' });
      }
    }
  }
}
