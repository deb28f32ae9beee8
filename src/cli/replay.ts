import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { HttpClient, mayRetry } from '../client/http-client.ts';
import { EXIT, UsageError } from './failures.ts';
import { type Replayed, readElements } from './replay-file.ts';

type ReplayOptions = { readonly url: string; readonly token?: string; readonly space: string; readonly rate: string };

/** Requests under way at once; beyond it the rate is not kept, and the latencies show it. */
const MAX_IN_FLIGHT = 64;
const PROGRESS_MS = 1_000;
const MAX_TRIES = 5;

export function replayCommand(program: Command): Command {
  return program
    .command('replay <file>')
    .description('post the elements of a recording (.excalidrawlib, JSON array, JSON lines) as registers')
    .requiredOption('--space <space>', 'where to')
    .option('--rate <rate>', 'updates a second', '20')
    .action(async (file: string, options: ReplayOptions) => {
      const rate = Number(options.rate);
      if (!(rate > 0 && rate <= 100_000)) throw new UsageError('--rate must be a number above 0, up to 100000');
      const elements = read(file);
      const replay = new Replay(new HttpClient(options), options.space);
      await replay.run(elements, rate);
      replay.report(elements.length);
      if (replay.accepted < elements.length) process.exitCode = EXIT.refused;
    });
}

function read(file: string): Replayed[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const elements = readElements(text);
  if (elements.length === 0) throw new UsageError(`${file} has no elements with an id`);
  return elements;
}

/** Posts at a rate, whether or not answers have come (up to `MAX_IN_FLIGHT`), and keeps the tally. */
class Replay {
  accepted = 0;
  readonly #client: HttpClient;
  readonly #space: string;
  readonly #refusals = new Map<string, number>();
  /** From when each post was due until its answer, ms. */
  readonly #latencies: number[] = [];
  #startedAt = 0;

  constructor(client: HttpClient, space: string) {
    this.#client = client;
    this.#space = space;
  }

  async run(elements: readonly Replayed[], rate: number): Promise<void> {
    this.#startedAt = performance.now();
    let shownAt = this.#startedAt;
    const underWay = new Set<Promise<void>>();
    for (const [i, element] of elements.entries()) {
      const due = this.#startedAt + (i * 1_000) / rate;
      if (due > performance.now()) await this.#client.clock.sleep(due - performance.now());
      while (underWay.size >= MAX_IN_FLIGHT) await Promise.race(underWay);
      const post: Promise<void> = this.#post(element, due).finally(() => underWay.delete(post));
      underWay.add(post);
      if (i === 0) {
        await post; // whether there is a server at all; from here on the rate counts
        this.#startedAt = performance.now();
      }
      if (performance.now() - shownAt < PROGRESS_MS) continue;
      shownAt = performance.now();
      console.error(`${i + 1} of ${elements.length} posted, ${this.accepted} accepted`);
    }
    await Promise.all(underWay);
  }

  async #post({ item, value }: Replayed, due: number): Promise<void> {
    const outcome = await this.#postUntilSettled(item, value);
    this.#latencies.push(performance.now() - due);
    if (outcome === 'ok') this.accepted++;
    else this.#refusals.set(outcome, (this.#refusals.get(outcome) ?? 0) + 1);
  }

  /** Setting the same value twice does no harm, so a lost answer is simply asked for again. */
  async #postUntilSettled(item: string, value: unknown): Promise<string> {
    for (let tries = 1; ; tries++) {
      try {
        const { results } = await this.#client.postUpdate(this.#space, { updates: [{ item, op: { set: value } }] });
        const [result] = results;
        if (result?.result !== 'retry') return result?.result ?? 'no result';
        if (tries >= MAX_TRIES) return result.code;
        await this.#client.clock.sleep(result.retryAfterMs);
      } catch (error) {
        if (tries >= MAX_TRIES || !mayRetry(error) || this.#latencies.length === 0) throw error;
        await this.#client.pause(tries, error);
      }
    }
  }

  report(total: number): void {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
    console.log(`${this.accepted} of ${total} accepted in ${seconds.toFixed(1)} s`);
    console.log(`latency p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
    for (const [why, count] of this.#refusals) console.log(`${count} not accepted: ${why}`);
  }
}
