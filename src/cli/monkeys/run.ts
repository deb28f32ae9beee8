import { Seeded } from '../../base/seeded.ts';
import { HttpClient } from '../../client/http-client.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Figures, readFigures } from './figures.ts';
import type { Finding } from './judge.ts';
import { Ledger } from './ledger.ts';
import { LibraryHands, LibraryTextHands } from './library-hands.ts';
import { LightHands } from './light-hands.ts';
import { type Hands, Monkey, type Post, type Run } from './monkey.ts';
import { Network } from './network.ts';
import { Contents, type Seat, type Viewer } from './sight.ts';
import { type Diverged, reachVerdict, waitUntil } from './verdict.ts';
import { LibraryViewer, MarkerViewer, OffsetViewer } from './viewers.ts';
import { WORKS, type WorkKind } from './work.ts';

export type MonkeysOptions = {
  readonly urls: readonly string[];
  readonly token?: string;
  readonly space: string;
  readonly kind: WorkKind;
  readonly monkeys: number;
  readonly viewers: number;
  /** Of the monkeys, 0 to 1. */
  readonly offline: number;
  readonly seconds: number;
  /** Updates of one monkey a second. */
  readonly rate: number;
  readonly items: number;
  /** For answers and for viewers, when the time is over. */
  readonly patienceSeconds: number;
  readonly seed: number;
  /** Items stay. */
  readonly keep: boolean;
  readonly clock: Clock;
  /** Names the run, unlike others in the same space. */
  readonly id: string;
  /** Ends the doings of the monkeys before their time. */
  readonly stop: AbortSignal;
  /** Told now and then how far it is. */
  readonly onProgress: (ledger: Ledger, elapsedMs: number) => void;
};

export type Result = {
  readonly ledger: Ledger;
  readonly findings: readonly Finding[];
  readonly diverged: readonly Diverged[];
  readonly before: Figures;
  readonly after: Figures;
  readonly goOffline: number;
};

/** Full clients of either sort in one process: each follows the whole space. */
const MAX_LIBRARY_CLIENTS = 8;
const PROGRESS_MS = 100;
const BEGIN_MS = 20_000;

/** Lets the monkeys loose and looks at what has become of it. Throws where it cannot even begin, or nobody tells how it ended. */
export async function runMonkeys(options: MonkeysOptions): Promise<Result> {
  const troop = new Troop(options);
  try {
    return await troop.work();
  } finally {
    troop.end();
  }
}

type Cast = { readonly monkey: Monkey; readonly hands: Hands };

class Troop {
  readonly #options: MonkeysOptions;
  readonly #run: Run;
  readonly #chance: Seeded;
  readonly #items: readonly string[];
  readonly #ending = new AbortController();
  readonly #contents = new Contents();

  constructor(options: MonkeysOptions) {
    this.#options = options;
    this.#chance = new Seeded(options.seed);
    const { space, kind, token, id, seconds, rate } = options;
    const common = { space, kind, id, rate, durationMs: seconds * 1_000, ...(token !== undefined && { token }) };
    this.#run = { ...common, work: WORKS[kind], ledger: new Ledger(), ending: this.#ending.signal };
    this.#items = Array.from({ length: options.items }, (_, n) => `${id}-${n}`);
  }

  async work(): Promise<Result> {
    const { urls, keep } = this.#options;
    const { ledger } = this.#run;
    await this.#makeItems();
    const before = await readFigures(urls);
    const viewers = this.#seatViewers();
    const monkeys = this.#castMonkeys();
    await this.#begin(monkeys);
    const ending = this.#ending.signal;
    await waitUntil(this.#options.clock, BEGIN_MS, ending, () => viewers.every(({ hasBegun }) => hasBegun));
    await this.#live(monkeys);

    const { clock, patienceSeconds } = this.#options;
    const clients = urls.map((_, nth) => this.#clientOf(nth).client);
    const parts = { run: this.#run, items: this.#items, clients, viewers, clock, patienceMs: patienceSeconds * 1_000 };
    const { findings, diverged } = await reachVerdict(parts);
    const after = await readFigures(urls);
    if (!keep && findings.length + diverged.length === 0) await this.#deleteItems();
    return { ledger, findings, diverged, before, after, goOffline: this.#goOffline };
  }

  end(): void {
    this.#ending.abort();
  }

  async #begin(monkeys: readonly Cast[]): Promise<void> {
    const late = AbortSignal.timeout(BEGIN_MS);
    try {
      await Promise.all(monkeys.map(({ hands }) => hands.begin(late)));
    } catch (error) {
      throw late.aborted ? new Error(`not all clients were told what is there within ${BEGIN_MS} ms`) : error;
    }
  }

  async #live(monkeys: readonly Cast[]): Promise<void> {
    const { clock, stop, patienceSeconds } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(this.#run.durationMs + patienceSeconds * 1_000, () => late.abort());
    const ending = this.#ending.signal;
    const [stopped, givenUp] = [AbortSignal.any([stop, ending]), AbortSignal.any([late.signal, ending])];
    const stopProgress = this.#showProgress();
    try {
      await Promise.all(monkeys.map(({ monkey }) => monkey.live(stopped, givenUp)));
    } finally {
      stopProgress();
      cancel();
    }
  }

  get #goOffline(): number {
    return Math.round(this.#options.offline * this.#options.monkeys);
  }

  async #makeItems(): Promise<void> {
    const { kind, work, space } = this.#run;
    const updates = this.#items.map((item) => ({ item, kind, op: work.create }));
    const { results } = await this.#clientOf(0).client.postUpdate(space, { updates });
    for (const one of results) {
      if (one.result === 'ok') continue;
      const why = 'detail' in one ? one.detail : 'code' in one ? String(one.code) : one.result;
      throw new Error(`no item of kind ${kind} can be made in ${space}: ${why}`);
    }
  }

  async #deleteItems(): Promise<void> {
    const updates = this.#items.map((item) => ({ item, op: { delete: true } }));
    await this.#clientOf(0)
      .client.postUpdate(this.#run.space, { updates })
      .catch(() => undefined);
  }

  #clientOf(nth: number): Pick<Post, 'network' | 'client'> {
    const { urls, token, clock } = this.#options;
    const network = new Network(urls, nth);
    const common = { url: network.base, clock, fetch: network.fetch };
    return { network, client: new HttpClient({ ...common, ...(token !== undefined && { token }) }) };
  }

  #itemOf(nth: number): string {
    return this.#items[nth % this.#items.length] ?? '';
  }

  /** Those that go offline are spread over the items; every second one is a full client. */
  #castMonkeys(): Cast[] {
    const { monkeys } = this.#options;
    const offline = this.#goOffline;
    let libraries = 0;
    return Array.from({ length: monkeys }, (_, nth) => {
      const goesOffline = Math.floor(((nth + 1) * offline) / monkeys) > Math.floor((nth * offline) / monkeys);
      const chance = this.#chance.fork();
      const post: Post = { nth, item: this.#itemOf(nth), goesOffline, chance, ...this.#clientOf(nth) };
      const isFull = goesOffline && libraries < MAX_LIBRARY_CLIENTS && chance.chance(0.5);
      if (isFull) libraries++;
      const Library = this.#run.kind === 'text' ? LibraryTextHands : LibraryHands;
      const hands = isFull ? new Library(this.#run, post) : new LightHands(this.#run, post);
      return { hands, monkey: new Monkey(this.#run, post, hands) };
    });
  }

  #seatViewers(): Viewer[] {
    let libraries = 0;
    const { viewers: count } = this.#options;
    const viewers = Array.from({ length: count }, (_, nth): Viewer => {
      const seat: Seat = { nth, item: this.#itemOf(nth), ...this.#clientOf(nth) };
      const sort = (nth + Math.floor(nth / this.#items.length)) % 3;
      if (sort === 0 && libraries++ < MAX_LIBRARY_CLIENTS) return new LibraryViewer(this.#run, seat);
      if (sort === 1 && this.#run.work.keepsOps) return new OffsetViewer(this.#run, seat);
      return new MarkerViewer(this.#run, seat, this.#contents);
    });
    for (const viewer of viewers) void viewer.look(this.#ending.signal);
    return viewers;
  }

  #showProgress(): () => void {
    const { clock, onProgress } = this.#options;
    const began = clock.monotonic();
    let cancel = (): void => undefined;
    const show = (): void => {
      onProgress(this.#run.ledger, clock.monotonic() - began);
      cancel = clock.after(PROGRESS_MS, show);
    };
    show();
    return () => cancel();
  }
}
