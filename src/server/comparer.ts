import { Worker } from 'node:worker_threads';
import type { Compare, Difference } from '../kinds/kind.ts';
import { asOne } from '../kinds/text/diff.ts';

/** Two long texts without anything in common take seconds; then one edit replaces the other. Waiting for others counts. */
const PATIENCE_MS = 2_000;
/** Where others wait, one pair may take this long, ms. */
const TURN_MS = 250;

type Asked = {
  readonly before: string;
  readonly after: string;
  readonly settle: (edits: Difference) => void;
  readonly timer: NodeJS.Timeout;
};

/**
 * Compares texts in a thread of its own, one pair at a time, so that nobody waits for it who has not asked. The shortest pair is next: whoever sends long ones keeps
 * himself waiting, not those who changed a word. The thread is started by the first pair.
 */
export class Comparer {
  readonly #queue: Asked[] = [];
  readonly #patienceMs: number;
  #worker: Worker | undefined;
  #busy: Asked | undefined;
  /** Of the pair that is being compared. */
  #turn: NodeJS.Timeout | undefined;
  #isLong = false;

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  readonly compare: Compare = (before, after) =>
    new Promise((settle) => {
      const asked: Asked = { before, after, settle, timer: setTimeout(() => this.#tooLate(asked), this.#patienceMs) };
      this.#queue.push(asked);
      if (this.#isLong) this.#giveUp();
      else this.#next();
    });

  async close(): Promise<void> {
    for (const asked of this.#queue.splice(0)) settleAsOne(asked);
    if (this.#busy) this.#giveUp();
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    if (this.#busy) return;
    let asked: Asked | undefined;
    for (const one of this.#queue) if (!asked || sizeOf(one) < sizeOf(asked)) asked = one;
    if (!asked) return;
    this.#queue.splice(this.#queue.indexOf(asked), 1);
    this.#worker ??= this.#start();
    this.#busy = asked;
    this.#worker.postMessage([asked.before, asked.after]);
  }

  #tooLate(asked: Asked): void {
    if (asked === this.#busy) this.#giveUp();
    else {
      this.#queue.splice(this.#queue.indexOf(asked), 1);
      settleAsOne(asked);
    }
  }

  #turnOver(): void {
    if (this.#queue.length > 0) this.#giveUp();
    else this.#isLong = true;
  }

  #start(): Worker {
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./compare-thread.${ending}`, import.meta.url));
    worker.unref();
    worker.on('message', (told: Difference | 'begun') => {
      // A thread that is only starting uses up nobody's turn.
      if (told === 'begun') this.#turn = setTimeout(() => this.#turnOver(), TURN_MS);
      else this.#settle(told);
    });
    worker.on('error', () => this.#giveUp());
    return worker;
  }

  #settle(edits: Difference): void {
    const asked = this.#busy;
    this.#busy = undefined;
    this.#isLong = false;
    clearTimeout(this.#turn);
    clearTimeout(asked?.timer);
    asked?.settle(edits);
    // Not at once: others may be too late as well, and a new thread should not be started for them.
    setImmediate(() => this.#next());
  }

  /** It takes too long, or failed: all of it is one edit. */
  #giveUp(): void {
    const { before = '', after = '' } = this.#busy ?? {};
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.removeAllListeners();
    void worker?.terminate();
    this.#settle(asOne({ from: 0, before, after }));
  }
}

function sizeOf({ before, after }: Asked): number {
  return before.length + after.length;
}

function settleAsOne({ before, after, settle, timer }: Asked): void {
  clearTimeout(timer);
  settle(asOne({ from: 0, before, after }));
}
