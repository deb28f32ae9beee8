import type { Seeded } from './seeded.ts';

/** A simulated process: whatever is addressed to it waits while it is paused, and never happens once it is dead. */
export class SimProcess {
  readonly name: string;
  pausedUntil = 0;
  dead = false;

  constructor(name: string) {
    this.name = name;
  }
}

export type StepOptions = {
  /** Runs inside this process. Without one the step belongs to the world: the network, a server, a client. */
  readonly process?: SimProcess;
  /** Sent by this process: a packet in flight, which survives its sender or does not. */
  readonly sender?: SimProcess;
};

type Step = StepOptions & { at: number; label: string; call: () => void; index: number };

/** Nothing can happen any more, or too much has happened, and what was driven has not ended. */
export class StuckError extends Error {
  constructor(reason: string, pending: readonly string[]) {
    super(`${reason}; pending: ${pending.slice(0, 20).join(', ') || 'nothing'}`);
    this.name = 'StuckError';
  }
}

export type PauseFault = { readonly chance: number; readonly maxMs: number };

/**
 * Decides what happens next. Guarantees: one step at a time, each followed by every microtask it caused; among the steps that are due
 * one is chosen at random; time (ms) only rises, a little at random, and to the next due step where none is due. The same
 * seed and the same program give the same steps, told by `hash`.
 */
export class Scheduler {
  readonly #random: Seeded;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #steps: Step[] = [];
  #now = 0;
  #count = 0;
  #hash = 0x811c9dc5;
  pauses: PauseFault = { chance: 0, maxMs: 0 };

  constructor(random: Seeded, trace?: (line: string) => void) {
    this.#random = random;
    this.#trace = trace;
  }

  /** Virtual ms since the run began. */
  get now(): number {
    return this.#now;
  }
  get count(): number {
    return this.#count;
  }
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Calls once, `delayMs` from now or later. Returns the cancellation. Never for `Infinity` and for dead processes. */
  schedule(delayMs: number, label: string, call: () => void, options: StepOptions = {}): () => void {
    if (options.process?.dead || delayMs === Number.POSITIVE_INFINITY) return () => {};
    const step: Step = { ...options, at: this.#now + delayMs, label, call, index: this.#steps.length };
    this.#steps.push(step);
    return () => this.#remove(step);
  }

  sleep(ms: number, label = 'sleep', process?: SimProcess): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(ms, label, resolve, process ? { process } : {});
    });
  }

  /** Ends a process: its steps never happen, of the packets it has sent some still arrive. */
  kill(process: SimProcess): void {
    process.dead = true;
    for (const step of [...this.#steps]) {
      if (step.process === process || (step.sender === process && this.#random.chance(0.5))) this.#remove(step);
    }
  }

  note(line: string): void {
    this.#trace?.(`${String(this.#now).padStart(7)} ${line}`);
  }

  /** Carries out steps until `work` has settled. Throws `StuckError`, or what `work` threw. */
  async drive<T>(work: Promise<T>, maxSteps: number): Promise<T> {
    let settled = false;
    const watched = work.finally(() => {
      settled = true;
    });
    watched.catch(() => {});
    await settle();
    while (!settled) {
      if (this.#count >= maxSteps) throw new StuckError(`${maxSteps} steps`, this.#labels());
      const step = this.#choose();
      if (!step) throw new StuckError('nothing left to happen', this.#labels());
      this.#carryOut(step);
      await settle();
    }
    return watched;
  }

  #carryOut(step: Step): void {
    this.#remove(step);
    this.#count++;
    if (this.#random.bits() < 0x2000_0000) this.#now++;
    for (let i = 0; i < step.label.length; i++) {
      this.#hash = Math.imul(this.#hash ^ step.label.charCodeAt(i), 0x01000193);
    }
    this.#hash = Math.imul(this.#hash ^ this.#now, 0x01000193);
    if (this.#trace) this.note(step.process ? `${step.process.name}: ${step.label}` : step.label);
    if (step.process && this.#random.chance(this.pauses.chance)) {
      step.process.pausedUntil = this.#now + this.#random.int(this.pauses.maxMs);
    }
    step.call();
  }

  #choose(): Step | undefined {
    let ready = 0;
    let next = Number.POSITIVE_INFINITY;
    for (const step of this.#steps) {
      const at = dueAt(step);
      if (at <= this.#now) ready++;
      else if (at < next) next = at;
    }
    if (ready === 0) {
      if (next === Number.POSITIVE_INFINITY) return undefined;
      this.#now = next;
      return this.#choose();
    }
    let skip = this.#random.int(ready);
    return this.#steps.find((step) => dueAt(step) <= this.#now && skip-- === 0);
  }

  #remove(step: Step): void {
    if (this.#steps[step.index] !== step) return;
    const last = this.#steps.pop();
    if (last && last !== step) {
      this.#steps[step.index] = last;
      last.index = step.index;
    }
    step.index = -1;
  }

  #labels(): string[] {
    return this.#steps.map((step) => `${step.process?.name ?? 'world'}: ${step.label} at ${step.at}`);
  }
}

function dueAt(step: Step): number {
  return step.process && step.process.pausedUntil > step.at ? step.process.pausedUntil : step.at;
}

/** Ends when no microtask is left: a tick comes only after all of them, and no timer or socket is waited for. */
export function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
