import type { Outcome, Space } from '../../client/connect.ts';
import type { Notices } from '../shared/notices.ts';
import { readVisitor, type Visitor } from '../shared/people.ts';
import type { Actions } from './actions.ts';
import { titleOf } from './card.ts';
import type { Step } from './history.ts';

export type TellingOptions = { readonly space: Space; readonly notices: Notices; readonly actions: Actions };

/** Who else is here and holds what, and what is said of it. */
export class Telling {
  readonly #space: Space;
  readonly #notices: Notices;
  readonly #actions: Actions;
  visitors: ReadonlyMap<string, Visitor> = new Map();

  constructor({ space, notices, actions }: TellingOptions) {
    this.#space = space;
    this.#notices = notices;
    this.#actions = actions;
  }

  /** Whoever else has the card, as far as it is known here. */
  holderOf(id: string): Visitor | undefined {
    const { holder } = this.#space.item(id);
    if (holder === undefined || holder === this.#space.clientId) return undefined;
    return this.visitors.get(holder) ?? readVisitor({ id: holder, name: 'Somebody' });
  }

  held(id: string, holder: string): void {
    const { name } = this.visitors.get(holder) ?? { name: 'Somebody else' };
    this.#notices.show(`${name} is holding “${this.#title(id)}” just now.`);
  }

  refusal(id: string, outcome: Outcome): void {
    if (outcome.result === 'locked') {
      if (outcome.holder !== this.#space.clientId) this.held(id, outcome.holder);
      return;
    }
    // A gesture that lost its lock asks for it again.
    if (outcome.result === 'fenced') return;
    if (outcome.result === 'problem' && outcome.status === 403) {
      this.#notices.show('You may look at this board, but not change it.');
      return;
    }
    const why = 'detail' in outcome && outcome.detail ? `: ${outcome.detail}` : '';
    this.#notices.show(`A change of “${this.#title(id)}” was not taken${why}.`);
  }

  /** `word`: what a step that was taken is called. */
  step(step: Step | undefined, word: string): void {
    if (step === undefined) this.#notices.speak('Nothing to take back');
    else if (step.op === undefined) this.#notices.show('Somebody has changed that card since; it was left alone.');
    else this.#notices.speak(`${word}: ${step.what}`);
  }

  /** `word`: what has become of the card. */
  card(id: string, word: string): void {
    this.#notices.speak(`${this.#title(id)} ${word}`);
  }

  #title(id: string): string {
    return titleOf(this.#actions.card(id) ?? { text: 'deleted card' });
  }
}
