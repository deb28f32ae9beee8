import { connect, type Outcome, type Space, type Token } from '../../client/connect.ts';
import { set } from '../../client/set.ts';
import { realSocket } from '../../client/system.ts';
import { pause } from '../../client/timing.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Said } from '../shared/people.ts';
import { Line } from './line.ts';
import { change, isRefusal, readSet } from './set-ops.ts';

export type MonkeyOptions = {
  readonly name: string;
  readonly spaceName: string;
  readonly itemName: string;
  readonly token: Token | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
  readonly onRefused: (outcome: Outcome) => void;
};

/** What it puts in and takes out. */
const WORDS = (
  'anchor barnacle bilge bollard boom buoy cleat compass cormorant crane dinghy dock dory eel ferry foghorn gaff gull halyard harbour herring hull ' +
  'jetty keel kelp ketch lantern lighthouse limpet lobster mast mooring mussel net oar osprey oyster pier plover porpoise quay rope rudder sail ' +
  'sandbar seal skiff sloop spar squid starfish tern tide tiller trawler tug wharf whelk winch'
).split(' ');
const PAUSE_MS = 300;
const MORE_PAUSE_MS = 1_200;
/** Of its turns, those at which it loses its line by itself, and for how long. */
const AWAY_SHARE = 0.06;
const AWAY_MS = 3_000;
const MORE_AWAY_MS = 5_000;

/** A simulated person: a client of its own that adds and removes, and loses its line now and then. It goes on meanwhile, and sends what it did when it is back. */
export class Monkey {
  readonly name: string;
  readonly #options: MonkeyOptions;
  readonly #line = new Line((input, init) => fetch(input, init), realSocket);
  readonly #ending = new AbortController();
  readonly #space: Space;
  #unsent = 0;
  #rests = false;
  #comesBack: (() => void) | undefined;

  constructor(options: MonkeyOptions) {
    const { name, spaceName, token, signal, onChange } = options;
    this.name = name;
    this.#options = options;
    const said: Said = { name, cursor: null };
    this.#space = connect({
      ...{ url: location.origin, space: spaceName, name, data: said, kinds: [set] },
      ...this.#line.options,
      ...(token !== undefined && { token }),
      signal: AbortSignal.any([signal, this.#ending.signal]),
    });
    for (const event of ['status', 'change', 'error'] as const) this.#space.on(event, onChange);
    void this.#live();
  }

  get isAway(): boolean {
    return !this.#line.isUp;
  }

  /** Operations that the server has not answered. */
  get unsent(): number {
    return this.#unsent;
  }

  /** It knows everything, and everybody knows what it did. */
  get isSettled(): boolean {
    return this.#unsent === 0 && this.#space.status === 'live';
  }

  get members(): readonly string[] {
    return readSet(this.#item.value)?.members ?? [];
  }

  /** A monkey at rest does nothing more, and comes back. */
  set rests(rests: boolean) {
    this.#rests = rests;
    if (rests) this.comeBack();
  }

  leave(): void {
    if (this.isAway) return;
    this.#line.cut();
    this.#options.onChange();
  }

  comeBack(): void {
    this.#comesBack?.();
    this.#comesBack = undefined;
    if (!this.isAway) return;
    this.#line.mend();
    this.#options.onChange();
  }

  /** What it did is sent first. */
  async end(): Promise<void> {
    this.rests = true;
    await this.#space.flush().catch(() => undefined); // the page has ended before
    this.#ending.abort();
  }

  get #item() {
    return this.#space.item(this.#options.itemName, 'set');
  }

  async #live(): Promise<void> {
    const { clock, fraction, signal } = this.#options;
    const ended = AbortSignal.any([signal, this.#ending.signal]);
    try {
      await this.#space.ready(ended);
      for (;;) {
        await pause(clock, PAUSE_MS + fraction() * MORE_PAUSE_MS, ended);
        if (!this.#rests) this.#act();
      }
    } catch {
      this.#options.onChange(); // it has ended
    }
  }

  #act(): void {
    const { clock, fraction } = this.#options;
    if (!this.isAway && fraction() < AWAY_SHARE) {
      this.leave();
      this.#comesBack = clock.after(AWAY_MS + fraction() * MORE_AWAY_MS, () => this.comeBack());
    }
    const word = WORDS[Math.floor(fraction() * WORDS.length)] ?? '';
    const verb = this.members.includes(word) ? 'remove' : 'add';
    this.#unsent++;
    this.#options.onChange();
    void change(this.#item, verb, word, clock.now()).then((outcome) => {
      this.#unsent--;
      if (isRefusal(outcome)) this.#options.onRefused(outcome);
      this.#options.onChange();
    });
  }
}
