import type { PostUpdateResponse, UpdateResult } from '../protocol/post-update.ts';
import { pauseMs } from './backoff.ts';
import type { Parts } from './connection.ts';
import { RefusedError } from './errors.ts';
import type { Local, Outcome } from './local.ts';
import { maySend } from './machine.ts';
import type { Sending } from './request.ts';
import { pause } from './timing.ts';

export type SenderOptions = {
  /** What became of an update, after the copy of its item knows. */
  readonly onOutcome: (local: Local, outcome: Outcome) => void;
  readonly onRestored: (item: string, result: UpdateResult) => void;
  /** A request is out of the line. */
  readonly onSettled: () => void;
};

type Settled = Exclude<UpdateResult, { readonly result: 'retry' }>;

const BATCH_MS = 50;
/** Those who know every operation restore first; who may have gaps comes after them. */
const GAPS_WAIT_MS = 1_000;

/** Sends what waits: one request at a time, each until it is answered, nothing while it is not known where the server stands. */
export class Sender {
  readonly #parts: Parts;
  readonly #options: SenderOptions;
  #formedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #rename = false;

  constructor(parts: Parts, options: SenderOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Ends with what `signal` aborts with, or with a failure that will not pass. */
  async run(): Promise<never> {
    const { outbox, copies, connection, signal } = this.#parts;
    for (;;) {
      while (!maySend(connection.state) || (outbox.isEmpty && copies.lost.size === 0)) {
        await connection.bell.wait(signal);
      }
      if (copies.lost.size > 0) outbox.restore([...copies.lost]);
      if (outbox.first === undefined) {
        await this.#tick();
        if (!maySend(connection.state) || copies.lost.size > 0 || outbox.first || !outbox.form()) continue;
        this.#formedAt = this.#parts.clock.monotonic();
      }
      await this.#save();
      if (maySend(connection.state)) await this.#attempt(outbox.first as Sending);
    }
  }

  /** What comes together goes together. */
  async #tick(): Promise<void> {
    const { clock, frame, signal } = this.#parts;
    const ms = Math.max(0, this.#formedAt + BATCH_MS - clock.monotonic());
    if (ms === 0) return pause(clock, 0, signal);
    const stop = new AbortController();
    const late = pause(clock, ms, AbortSignal.any([signal, stop.signal]));
    late.catch(() => undefined);
    await Promise.race([late, new Promise<void>((resolve) => frame(resolve))]).finally(() => stop.abort());
  }

  /** Numbers that were sent must not be given out again by the next life: they are written down first. */
  async #save(): Promise<void> {
    try {
      await this.#parts.outbox.save();
    } catch (error) {
      this.#parts.onTrouble(error);
    }
  }

  async #attempt(sending: Sending): Promise<void> {
    const { transport, signal, mayPass, copies, connection } = this.#parts;
    let response: PostUpdateResponse;
    try {
      response = await transport.post(sending.request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (mayPass(error)) return this.#again(error, error instanceof RefusedError ? error.retryAfterMs : undefined);
      if (!(error instanceof RefusedError) || error.status === 401) throw error;
      return this.#refused(sending, error);
    }
    // The server has lost its cache, once or more: what it acknowledged may be lost too. A repeat finds out, when it is known here what there is now.
    if (response.epoch !== copies.epoch) {
      connection.report('sendFailed');
      return connection.lookNow();
    }
    const retryMs = this.#takeResults(sending, response);
    if (retryMs !== undefined) return this.#again(new Error('some updates cannot be taken just now'), retryMs);
    this.#settled(sending);
  }

  /** Returns when to send it again, ms, where some of it is not settled. */
  #takeResults(sending: Sending, { epoch, results }: PostUpdateResponse): number | undefined {
    let retryMs: number | undefined;
    for (const [i, part] of sending.parts.entries()) {
      const result = results[i];
      if (sending.done.has(i) || result === undefined) continue;
      if (result.result === 'retry') {
        retryMs = Math.max(retryMs ?? 0, result.retryAfterMs);
        continue;
      }
      if ('local' in part && result.result === 'ok') {
        const copy = this.#parts.copies.of(part.local.item);
        if (copy.wasRolledBack({ version: result.version, epoch })) {
          retryMs ??= 0; // lost as it was acknowledged: a repeat finds out
          continue;
        }
      }
      sending.done.add(i);
      if ('restores' in part) {
        if (result.result === 'ok') part.restores.restored(part.lost, { ...result, epoch });
        this.#parts.copies.found(part.restores, part.lost);
        this.#options.onRestored(part.restores.id, result);
      } else this.#take(sending, part.local, result, epoch);
    }
    return retryMs;
  }

  #take(sending: Sending, local: Local, result: Settled, epoch: string): void {
    const copy = this.#parts.copies.of(local.item);
    const { clientId = '', seq = 0 } = sending.request;
    if (sending.sort === 'new') this.#parts.copies.takeAnswer(local, result, epoch, { clientId, seq });
    if (result.result === 'ok') copy.acknowledge(local, { version: result.version, epoch, clientId, seq });
    else {
      const code = result.result === 'invalid' ? result.code : undefined;
      if (sending.sort !== 'repeats' && code === 'seqReused') {
        this.#rename = true;
        sending.again.push(local); // somebody else goes by this name: under another one it is a new request
        return;
      }
      copy.drop(local);
      if (sending.sort === 'repeats' && code === 'seqTooOld') this.#restoreLater(local, clientId, seq);
      if (sending.sort === 'repeats' && code === 'seqReused') {
        copy.acknowledge(local, { version: copy.held?.version ?? 0, epoch, clientId, seq });
      }
      // Told once already; with `seqReused` it was not lost, or is back.
      if (sending.sort === 'repeats' && (code === 'seqTooOld' || code === 'seqReused')) return;
    }
    this.#options.onOutcome(local, result);
  }

  #restoreLater(local: Local, clientId: string, seq: number): void {
    const { clock, copies, connection } = this.#parts;
    clock.after(GAPS_WAIT_MS, () => {
      copies.restoreLate(local, clientId, seq);
      connection.bell.ring();
    });
  }

  /** It stays what it is, and is sent again once the server has been heard of. */
  async #again(error: unknown, retryAfterMs: number | undefined): Promise<void> {
    const { clock, fraction, signal, connection, onTrouble } = this.#parts;
    connection.report('sendFailed');
    onTrouble(error);
    await pause(clock, pauseMs(this.#failures++, retryAfterMs, fraction()), signal);
    connection.report('sendFailed'); // what was told meanwhile may have been known before
    connection.lookNow();
  }

  #refused(sending: Sending, error: RefusedError): void {
    const split = error.isFaulty && sending.parts.length > 1 && sending.sort === 'new';
    const { status, code, message: detail } = error;
    for (const part of sending.parts) {
      if ('restores' in part) this.#parts.copies.found(part.restores, part.lost);
      else if (split) {
        part.local.alone = true;
        sending.again.push(part.local);
      } else {
        this.#parts.copies.of(part.local.item).drop(part.local);
        this.#options.onOutcome(part.local, { item: part.local.item, result: 'problem', status, code, detail });
      }
    }
    this.#settled(sending);
  }

  #settled(sending: Sending): void {
    const { outbox, connection } = this.#parts;
    this.#failures = 0;
    outbox.settled(sending);
    if (this.#rename) {
      this.#rename = false;
      outbox.rename();
      connection.joinAgain();
    }
    connection.report('sent');
    void this.#save();
    this.#options.onSettled();
  }
}
