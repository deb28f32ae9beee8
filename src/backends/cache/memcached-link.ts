import type { Socket } from 'node:net';
import { Server } from 'memjs';
import { must } from '../../base/assert.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import { AnswerReader, type MemcachedAnswer } from './memcached-answers.ts';
import type { Exchange, Reading } from './memcached-exchanges.ts';
import { encodeRequest, OPCODE, STATUS } from './memcached-frames.ts';
import { RecentEntries } from './recent-entries.ts';

export type LinkOptions = {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** Where the count of requests begins; tests begin near its end. */
  readonly firstOpaque?: number;
  /** Requests are counted in it. */
  readonly tally?: Tally;
};

export type Tally = { trips: number };

export type LinkEvents = {
  readonly onReady: () => void;
  /** `silent`: nothing was refused or cut, the answers just stayed away. */
  readonly onDead: (cause: Error, silent: boolean) => void;
};

const NOTHING = Buffer.alloc(0);
const PROOF_OPAQUE = 0;
const MAX_OPAQUE = 0x7fffffff;
/** Requests up to this size are joined into one buffer; the kernel gets larger ones as they are. */
const MAX_JOINED_BYTES = 64 * 1024;
const GRACE_MS = 1;
/** A timer that is later than this says that the process was held up. */
const HELD_UP_MS = 50;

type Phase = 'connecting' | 'proving' | 'ready' | 'dead';

/**
 * One connection to one memcached, for one life:
 *
 *     connecting ── authenticated ──▶ proving ── noop answered ──▶ ready
 *         └──────────────────────────────┴── any error at all ──────┴──▶ dead
 *
 * - Requests wait until the link is ready, and go out in the order of `send`, those of one turn in one write. Answers come
 *   in that order; one out of place ends the link.
 * - The first error ends it: refused, closed, reset, an answer that is malformed or not in time. Everything waiting fails,
 *   `unclear` only where a request that changes something had been handed to the socket. A dead link stays dead, and
 *   so does whatever still arrives on its socket.
 * - Nothing is sent twice.
 *
 * memjs connects and authenticates. Its ways of losing requests, keeping half an answer over a reconnect, counting past
 * 2^31 and timing out only when the socket is idle are why the rest is done here, and why its version is pinned.
 */
export class MemcachedLink extends Server {
  readonly generation: object = Object.freeze({});
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #socket: Socket;
  readonly #reading: Reading;
  readonly #bornAt: number;
  #phase: Phase = 'connecting';
  #opaque: number;
  /** In flight and waiting, oldest first; those from `#firstUnsent` on have not been written. */
  #first: Exchange<unknown> | undefined;
  #last: Exchange<unknown> | undefined;
  #firstUnsent: Exchange<unknown> | undefined;
  #flushPlanned = false;
  readonly #answers = new AnswerReader();
  #cancelTimer: (() => void) | undefined;
  #timerDue = 0;
  #overdue: Exchange<unknown> | 'proof' | undefined;

  constructor(options: LinkOptions, events: LinkEvents) {
    // The deadline here comes first, so the one of memjs never does.
    super(options.host, options.port, '', '', { conntimeout: options.deadlineMs / 500, keepAlive: true });
    // memjs has by now taken these from the environment.
    this.username = options.username ?? '';
    this.password = options.password ?? '';
    this.#options = options;
    this.#events = events;
    this.#opaque = options.firstOpaque ?? PROOF_OPAQUE;
    this.#bornAt = options.clock.monotonic();
    this.#reading = { generation: this.generation, recent: new RecentEntries(this.generation) };
    this.sock(false, () => this.#prove());
    this.#socket = must(this._socket, 'memjs made a socket');
    this.#socket.setNoDelay(true);
    // The handler of memjs forgets the requests in flight.
    this.#socket.removeAllListeners('close');
    this.#socket.on('close', () => this.error(new Error('the connection was closed')));
    this.#armTimer(options.deadlineMs);
  }

  get ready(): boolean {
    return this.#phase === 'ready';
  }

  get dead(): boolean {
    return this.#phase === 'dead';
  }

  send<T>(exchange: Exchange<T>): Promise<T> {
    if (this.#phase === 'dead') {
      exchange.fail(new Failure('cacheUnavailable', 'memcached: the connection is lost'));
      return exchange.result;
    }
    this.#opaque = this.#opaque >= MAX_OPAQUE ? 1 : this.#opaque + 1;
    exchange.opaque = this.#opaque;
    if (this.#options.tally) this.#options.tally.trips++;
    exchange.deadline = this.#options.clock.monotonic() + this.#options.deadlineMs;
    if (this.#last === undefined) this.#first = exchange as Exchange<unknown>;
    else this.#last.next = exchange as Exchange<unknown>;
    this.#last = exchange as Exchange<unknown>;
    this.#firstUnsent ??= this.#last;
    if (this.#phase === 'ready') this.#planFlush();
    if (this.#cancelTimer === undefined) this.#armTimer(this.#options.deadlineMs);
    return exchange.result;
  }

  /** Ends the link. memjs calls this too, with a text or an error. */
  override error(cause: unknown): void {
    this.#die(cause instanceof Error ? cause : new Error(String(cause)), false);
  }

  override responseHandler(chunk: Buffer): void {
    if (this.#phase === 'connecting') {
      super.responseHandler(chunk);
      return;
    }
    try {
      this.#answers.push(chunk, this.#takeOne);
    } catch (error) {
      this.error(error);
    }
  }

  readonly #takeOne = (answer: MemcachedAnswer): boolean => {
    this.#take(answer);
    return this.#phase !== 'dead';
  };

  #take(answer: MemcachedAnswer): void {
    const { opaque, opcode, status } = answer;
    if (this.#phase === 'proving') {
      if (opcode === OPCODE.noop && opaque === PROOF_OPAQUE && status === STATUS.ok) this.#beReady();
      else this.error(new Error(`the first noop was answered with status 0x${status.toString(16)}`));
      return;
    }
    const exchange = this.#first;
    if (exchange === undefined || !exchange.sent || exchange.opaque !== opaque) {
      this.error(new Error('an answer that nobody waits for'));
      return;
    }
    if (!exchange.accept(answer, this.#reading)) return;
    this.#first = exchange.next;
    if (this.#first === undefined) this.#last = undefined;
  }

  #prove(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'proving';
    this.#socket.write(encodeRequest({ opcode: OPCODE.noop, opaque: PROOF_OPAQUE }));
  }

  #beReady(): void {
    this.#phase = 'ready';
    this.#overdue = undefined;
    this.#events.onReady();
    this.#flush();
  }

  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    setImmediate(() => {
      this.#flushPlanned = false;
      if (this.#phase === 'ready') this.#flush();
    });
  }

  #flush(): void {
    const frames: Buffer[] = [];
    let bytes = 0;
    for (let one = this.#firstUnsent; one !== undefined; one = one.next) {
      const frame = one.encode(one.opaque);
      one.sent = true;
      frames.push(frame);
      bytes += frame.length;
    }
    this.#firstUnsent = undefined;
    if (frames.length === 0) return;
    if (bytes <= MAX_JOINED_BYTES) {
      this.#socket.write(frames.length === 1 ? (frames[0] ?? NOTHING) : Buffer.concat(frames, bytes));
      return;
    }
    this.#socket.cork();
    for (const frame of frames) this.#socket.write(frame);
    this.#socket.uncork();
  }

  #armTimer(ms: number): void {
    this.#timerDue = this.#options.clock.monotonic() + ms;
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#checkDeadline();
    });
  }

  #checkDeadline(): void {
    const oldest = this.#phase === 'ready' ? this.#first : 'proof';
    if (this.#phase === 'dead' || oldest === undefined) return;
    const { clock, deadlineMs } = this.#options;
    const deadline = oldest === 'proof' ? this.#bornAt + deadlineMs : oldest.deadline;
    const left = deadline - clock.monotonic();
    if (left > 0) {
      this.#armTimer(left);
    } else if (this.#overdue === oldest) {
      this.#die(new Error(`no answer within ${deadlineMs} ms`), true);
    } else {
      // Where this process itself was held up, the answer may lie in the socket unread: one more turn.
      this.#overdue = oldest;
      this.#armTimer(this.#grace());
    }
  }

  /** Where this process stood still, the whole machine may have, and memcached with it: it gets the time again. */
  #grace(): number {
    const { clock, deadlineMs } = this.#options;
    const heldUpMs = clock.monotonic() - this.#timerDue;
    return heldUpMs > HELD_UP_MS ? Math.min(heldUpMs, deadlineMs) : GRACE_MS;
  }

  #die(cause: Error, silent: boolean): void {
    if (this.#phase === 'dead') return;
    this.#phase = 'dead';
    this.#cancelTimer?.();
    this.removeAllListeners('authenticated');
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('timeout');
    this.#socket.destroy();
    this.responseBuffer = NOTHING;
    this.#events.onDead(cause, silent);
    const message = `memcached at ${this.#options.host}:${this.#options.port}: ${cause.message}`;
    for (let one = this.#first; one !== undefined; one = one.next) {
      one.fail(new Failure('cacheUnavailable', message, { unclear: one.sent && one.mutates, cause }));
    }
    this.#first = undefined;
    this.#last = undefined;
    this.#firstUnsent = undefined;
  }
}
