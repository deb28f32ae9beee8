import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { HttpClient, mayRetry } from '../client/http-client.ts';
import { EXIT, UsageError } from './failures.ts';
import { type Replayed, readElements } from './replay-file.ts';
import { StatusLine } from './status-line.ts';

type ReplayOptions = {
  readonly url: string;
  readonly token?: string;
  readonly space: string;
  readonly rate: string;
  readonly json?: boolean;
};

/** Requests under way at once; beyond it the rate is not kept, and the latencies show it. */
const MAX_IN_FLIGHT = 64;
const MAX_TRIES = 5;

export function replayCommand(program: Command): Command {
  return program
    .command('replay <file>')
    .description('post the elements of a recording (.excalidrawlib, JSON array, JSON lines) as registers')
    .requiredOption('--space <space>', 'where to; needed')
    .option('--rate <rate>', 'updates a second', '20')
    .option('--json', 'the report as one line of JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  longshore replay library.excalidrawlib --space demo --rate 50\n  longshore replay moves.jsonl --space load --rate 2000 --json\n\n' +
        'Progress goes to stderr.',
    )
    .action(async (file: string, options: ReplayOptions) => {
      const rate = Number(options.rate);
      if (!(rate > 0 && rate <= 100_000)) throw new UsageError('--rate must be a number above 0, up to 100000');
      const elements = read(file);
      const replay = new Replay(new HttpClient(options), options.space);
      await replay.run(elements, rate);
      const report = replay.report(elements.length);
      if (options.json) console.log(JSON.stringify(report));
      else print(report);
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
  let elements: Replayed[];
  try {
    elements = readElements(text);
  } catch (error) {
    throw new UsageError(`${file} is no recording: ${error instanceof Error ? error.message : error}`);
  }
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
    const progress = new StatusLine();
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
      progress.show(() => this.#progress(i + 1, elements.length));
    }
    await Promise.all(underWay);
    progress.end();
  }

  #progress(posted: number, total: number): string {
    const left = (((performance.now() - this.#startedAt) / posted) * (total - posted)) / 1_000;
    return `${posted} of ${total} posted, ${this.accepted} accepted, ${left.toFixed(0)} s left`;
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

  report(total: number): Report {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): number => round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
    const { accepted } = this;
    return {
      accepted,
      total,
      seconds: round(seconds),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      refused: Object.fromEntries(this.#refusals),
    };
  }
}

type Report = {
  readonly accepted: number;
  readonly total: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How many of each outcome that is not `ok`. */
  readonly refused: { readonly [outcome: string]: number };
};

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function print({ accepted, total, seconds, p50Ms, p99Ms, refused }: Report): void {
  console.log(`${accepted} of ${total} accepted in ${seconds.toFixed(1)} s`);
  console.log(`latency p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
  for (const [why, count] of Object.entries(refused)) console.log(`${count} not accepted: ${why}`);
}
