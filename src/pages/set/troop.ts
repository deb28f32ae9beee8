import type { Outcome } from '../../client/connect.ts';
import { find, make } from '../shared/dom.ts';
import { Monkey, type MonkeyOptions } from './monkey.ts';
import { describeTroop, type TroopState } from './verdict.ts';

export type TroopOptions = Omit<MonkeyOptions, 'name' | 'onChange' | 'onRefused'> & {
  readonly members: () => TroopState['members'];
  readonly onRefused: (outcome: Outcome) => void;
};

/** Each is a client with connections of its own. */
const MAX_MONKEYS = 8;

/** The monkeys of this page: more and fewer of them, at rest or not, each with its line. */
export class Troop {
  readonly #options: TroopOptions;
  readonly #list = find('monkeys', HTMLElement);
  readonly #verdict = find('verdict', HTMLElement);
  readonly #more = find('more', HTMLButtonElement);
  readonly #fewer = find('fewer', HTMLButtonElement);
  readonly #rest = find('rest', HTMLButtonElement);
  readonly #monkeys: { readonly monkey: Monkey; readonly button: HTMLButtonElement }[] = [];
  #rests = false;
  #stale = false;

  constructor(options: TroopOptions) {
    this.#options = options;
    this.#more.addEventListener('click', () => this.#add());
    this.#fewer.addEventListener('click', () => this.#dismiss(1));
    this.#rest.addEventListener('click', () => {
      this.#rests = !this.#rests;
      for (const { monkey } of this.#monkeys) monkey.rests = this.#rests;
      this.refresh();
    });
    this.refresh();
  }

  /** Looks at all of them, at most once in a turn. */
  refresh(): void {
    if (this.#stale) return;
    this.#stale = true;
    queueMicrotask(() => {
      this.#stale = false;
      this.#show();
    });
  }

  #add(): void {
    const { onRefused, ...options } = this.#options;
    const name = `Monkey ${this.#monkeys.length + 1}`;
    const monkey = new Monkey({
      ...options,
      name,
      onChange: () => this.refresh(),
      onRefused: (outcome) => {
        onRefused(outcome);
        if (outcome.result === 'problem') this.#dismiss(this.#monkeys.length);
      },
    });
    monkey.rests = this.#rests;
    const button = make('button', { type: 'button' });
    button.addEventListener('click', () => (monkey.isAway ? monkey.comeBack() : monkey.leave()));
    this.#monkeys.push({ monkey, button });
    this.#list.append(make('li', {}, button));
    this.refresh();
  }

  #dismiss(count: number): void {
    for (const { monkey, button } of this.#monkeys.splice(-count, count)) {
      void monkey.end();
      button.parentElement?.remove();
    }
    this.refresh();
  }

  #show(): void {
    for (const { monkey, button } of this.#monkeys) {
      const state = monkey.isAway ? 'offline' : monkey.isSettled ? 'online' : 'sending';
      const kept = monkey.isAway && monkey.unsent > 0 ? ` · ${monkey.unsent} kept` : '';
      const text = `${monkey.name}${kept}`;
      if (button.textContent !== text) button.textContent = text;
      button.dataset.state = state;
      button.setAttribute('aria-pressed', String(!monkey.isAway));
      button.title = monkey.isAway ? 'Offline. Press to bring it back' : 'Press to take it offline';
    }
    this.#more.disabled = this.#monkeys.length >= MAX_MONKEYS;
    this.#fewer.disabled = this.#monkeys.length === 0;
    this.#rest.disabled = this.#monkeys.length === 0;
    this.#rest.setAttribute('aria-pressed', String(this.#rests));
    const { text, tone } = describeTroop({
      monkeys: this.#monkeys.map(({ monkey }) => monkey),
      rests: this.#rests,
      members: this.#options.members(),
    });
    if (this.#verdict.textContent !== text) this.#verdict.textContent = text;
    this.#verdict.dataset.tone = tone;
  }
}
