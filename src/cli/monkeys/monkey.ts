import type { Seeded } from '../../base/seeded.ts';
import type { HttpClient } from '../../client/http-client.ts';
import { pause } from '../../client/timing.ts';
import type { Entry, Ledger } from './ledger.ts';
import type { Network } from './network.ts';
import { absencesOf, momentsOf } from './plan.ts';
import type { Tag, Work, WorkKind } from './work.ts';

/** What all of one run have in common. */
export type Run = {
  readonly space: string;
  readonly kind: WorkKind;
  readonly work: Work;
  readonly token?: string;
  readonly ledger: Ledger;
  /** Who it is, for the server: unlike those of other runs. */
  readonly id: string;
  readonly durationMs: number;
  /** Of one monkey, updates a second. */
  readonly rate: number;
  /** Ends everything that is open. */
  readonly ending: AbortSignal;
};

/** Where a monkey works, and who it is. */
export type Post = {
  readonly nth: number;
  readonly item: string;
  readonly goesOffline: boolean;
  readonly network: Network;
  readonly client: HttpClient;
  readonly chance: Seeded;
};

/** How a monkey's updates get to the server. */
export interface Hands {
  /** They queue by themselves, and are given everything at once, offline too. */
  readonly queue: boolean;
  /** They can take away older tags. */
  readonly remove: boolean;
  /** Before anything is done. */
  begin(signal: AbortSignal): Promise<void>;
  /** One more, after those before. Where it sends by itself, it settles at once; else when the update is answered. */
  act(entry: Entry, signal: AbortSignal): Promise<void>;
  /** Settles when everything is answered; afterwards nothing is sent any more. What `signal` cuts short stays unanswered. */
  end(signal: AbortSignal): Promise<void>;
}

/** Somebody who changes one item at random moments. One that goes offline goes on, and what it did meanwhile piles up until it is back. */
export class Monkey {
  readonly #run: Run;
  readonly #post: Post;
  readonly #hands: Hands;
  readonly #mine: Tag[] = [];
  readonly #waiting: Entry[] = [];
  #sending: Promise<void> | undefined;

  constructor(run: Run, post: Post, hands: Hands) {
    this.#run = run;
    this.#post = post;
    this.#hands = hands;
  }

  /** `stop` ends its doings early; `giveUp` ends the waiting for answers. */
  async live(stop: AbortSignal, giveUp: AbortSignal): Promise<void> {
    const { client, network, chance, goesOffline } = this.#post;
    const { durationMs, rate } = this.#run;
    const absences = goesOffline ? absencesOf(durationMs, chance.fork()) : [];
    const { clock } = client;
    const began = clock.monotonic();
    const sleepUntil = (at: number) => pause(clock, Math.max(0, began + at - clock.monotonic()), stop);
    const away = absences.map(async ({ from, to }) => {
      await sleepUntil(from);
      network.goOffline();
      await sleepUntil(to);
      this.#comeBack(giveUp);
    });
    const doing = (async () => {
      for (const at of momentsOf(durationMs, rate, chance)) {
        await sleepUntil(at);
        this.#do(giveUp);
      }
    })();
    const ends = await Promise.allSettled([...away, doing]);
    this.#comeBack(giveUp);
    for (const end of ends) if (end.status === 'rejected' && !stop.aborted) throw end.reason;
    await this.#sending;
    await this.#hands.end(giveUp);
  }

  #comeBack(giveUp: AbortSignal): void {
    if (this.#post.network.isOffline) this.#post.network.comeBack();
    this.#send(giveUp);
  }

  #do(giveUp: AbortSignal): void {
    const { ledger, work } = this.#run;
    const { nth, item } = this.#post;
    const hasMany = this.#hands.remove && this.#mine.length >= (work.keeps ?? Number.POSITIVE_INFINITY);
    const removes = hasMany ? this.#mine.shift() : undefined;
    const entry = ledger.make(nth, item, removes);
    this.#mine.push(entry.tag);
    this.#waiting.push(entry);
    this.#send(giveUp);
  }

  /** One at a time, in their order; offline nothing but what a queue of its own takes. */
  #send(giveUp: AbortSignal): void {
    if (this.#sending !== undefined) return;
    const { network } = this.#post;
    const sendAll = async (): Promise<void> => {
      while (this.#waiting.length > 0 && (this.#hands.queue || !network.isOffline)) {
        const entry = this.#waiting.shift();
        if (entry) await this.#hands.act(entry, giveUp);
      }
    };
    this.#sending = sendAll().finally(() => {
      this.#sending = undefined;
    });
    // Told where it is awaited: at the end.
    this.#sending.catch(() => undefined);
  }
}
