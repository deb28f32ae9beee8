import { Worker } from 'node:worker_threads';
import type { Compare, Difference } from '../kinds/kind.ts';
import { asOne } from '../kinds/text/diff.ts';

/** Two long texts without anything in common take seconds; then one edit replaces the other. */
const PATIENCE_MS = 2_000;

type Asked = { readonly before: string; readonly after: string; readonly settle: (edits: Difference) => void };

/** Compares texts in a thread of its own, one pair at a time, so that nobody waits for it who has not asked. The thread is started by the first pair. */
export class Comparer {
  readonly #queue: Asked[] = [];
  readonly #patienceMs: number;
  #worker: Worker | undefined;
  #busy: { readonly asked: Asked; readonly timer: NodeJS.Timeout } | undefined;

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  readonly compare: Compare = (before, after) =>
    new Promise((settle) => {
      this.#queue.push({ before, after, settle });
      this.#next();
    });

  async close(): Promise<void> {
    for (const { before, after, settle } of this.#queue.splice(0)) settle(asOne({ from: 0, before, after }));
    if (this.#busy) this.#giveUp();
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    if (this.#busy) return;
    const asked = this.#queue.shift();
    if (!asked) return;
    this.#worker ??= this.#start();
    this.#busy = { asked, timer: setTimeout(() => this.#giveUp(), this.#patienceMs) };
    this.#worker.postMessage([asked.before, asked.after]);
  }

  #start(): Worker {
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./compare-thread.${ending}`, import.meta.url));
    worker.unref();
    worker.on('message', (edits: Difference) => this.#settle(edits));
    worker.on('error', () => this.#giveUp());
    return worker;
  }

  #settle(edits: Difference): void {
    const { asked, timer } = this.#busy ?? {};
    clearTimeout(timer);
    this.#busy = undefined;
    asked?.settle(edits);
    this.#next();
  }

  /** It takes too long, or failed: all of it is one edit. */
  #giveUp(): void {
    const { before = '', after = '' } = this.#busy?.asked ?? {};
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.removeAllListeners();
    void worker?.terminate();
    this.#settle(asOne({ from: 0, before, after }));
  }
}
