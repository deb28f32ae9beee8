import type { Item, Outcome, Space } from '../../client/connect.ts';
import { until } from '../../client/timing.ts';
import type { SetOp } from '../../kinds/set-ops.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Beginning } from '../shared/begin.ts';
import { find } from '../shared/dom.ts';
import { Header } from '../shared/header.ts';
import { itemUrl } from '../shared/item-source.ts';
import { readVisitors, type Said } from '../shared/people.ts';
import { describeSaving } from '../shared/saved.ts';
import { followLog } from './follow-log.ts';
import { LogView } from './log-view.ts';
import { MembersView } from './members-view.ts';
import { OpLog } from './op-log.ts';
import { change, isRefusal, readSet } from './set-ops.ts';
import { Troop } from './troop.ts';
import { sameMembers } from './verdict.ts';

export type SetPageOptions = Beginning & {
  readonly space: Space;
  readonly clock: Clock;
  readonly fraction: () => number;
  readonly signal: AbortSignal;
};

/** The page of one set: its members as the library has them, beside it all operations from the first on. */
export class SetPage {
  readonly #options: SetPageOptions;
  readonly #item: Item;
  readonly #log = new OpLog();
  readonly #members: MembersView;
  readonly #lines: LogView;
  readonly #header: Header;
  readonly #troop: Troop;
  readonly #form = find('add', HTMLFormElement);
  readonly #field = find('element', HTMLInputElement);
  readonly #count = find('log-count', HTMLElement);
  readonly #proof = find('proof', HTMLElement);
  /** By client, also of those who have left. */
  readonly #names = new Map<string, string>();
  #isMisfit = false;
  #isDue = false;

  constructor(options: SetPageOptions) {
    this.#options = options;
    const { space, itemName, spaceName, session, notices, clock, fraction, signal } = options;
    this.#item = space.item(itemName, 'set');
    const reduced = matchMedia('(prefers-reduced-motion: reduce)');
    const onRemove = (element: string): void => void this.#change('remove', element);
    this.#members = new MembersView({ clock, onRemove, still: () => reduced.matches });
    this.#lines = new LogView((clientId) => this.#nameOf(clientId));
    this.#header = new Header(notices, session, (name) => space.say({ name, cursor: null } satisfies Said));
    this.#troop = new Troop({
      ...{ spaceName, itemName, token: session.token, clock, fraction, signal },
      members: () => (this.#isSettled ? this.#value?.members : undefined),
      onRefused: (outcome) => this.#tellRefusal(outcome),
    });
    this.#listen();
    void followLog({
      source: { url: itemUrl(spaceName, itemName), headers: () => session.headers, signal },
      ...{ log: this.#log, clock, fraction },
      exists: () => this.#exists(),
      onChange: () => this.#refresh(),
      onMisfit: () => this.#showMisfit(),
    });
  }

  get #value() {
    return readSet(this.#item.value);
  }

  get #isSettled(): boolean {
    return this.#options.space.status === 'live' && this.#item.saved;
  }

  #listen(): void {
    const { space } = this.#options;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const element = this.#field.value.trim();
      this.#field.value = '';
      if (element !== '') void this.#change('add', element);
    });
    for (const name of ['status', 'error', 'told', 'change'] as const) space.on(name, () => this.#refresh());
    space.on('clients', (people) => {
      const visitors = [...readVisitors(people).values()];
      for (const { id, name } of visitors) this.#names.set(id, name);
      this.#header.showPeople(visitors, space.clientId);
      this.#lines.rename();
    });
    this.#refresh();
  }

  /** Asking for the operations of what is not there would be refused. */
  #exists(): Promise<void> {
    const { space, signal } = this.#options;
    const isThere = (): boolean => this.#item.confirmed !== undefined;
    return until(
      isThere,
      (look) => space.on('told', look),
      signal,
      () => signal.reason,
    );
  }

  async #change(verb: SetOp[0], element: string): Promise<void> {
    const { clock, notices } = this.#options;
    const isMember = this.#value?.members.includes(element) ?? false;
    if (isMember === (verb === 'add'))
      return notices.show(`${element} is ${isMember ? 'a member already' : 'gone already'}.`);
    notices.speak(`${element} ${verb === 'add' ? 'added' : 'removed'}`);
    const outcome = await change(this.#item, verb, element, clock.now());
    if (isRefusal(outcome)) this.#tellRefusal(outcome);
  }

  /** At most once in a frame, however much has come. */
  #refresh(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#show();
    });
  }

  #show(): void {
    const { space } = this.#options;
    const { status, failure } = space;
    const { value, saved, version, durableVersion } = this.#item;
    const members = this.#value?.members;
    if (value !== undefined && members === undefined) this.#showMisfit();
    if (!this.#isMisfit) this.#members.show(members ?? [], members !== undefined || status === 'live');
    const { lines, isComplete } = this.#log;
    this.#lines.show(lines);
    this.#count.textContent = lines.length > 0 && !isComplete ? `${lines.length}, more to come` : `${lines.length}`;
    const [unsent, unstored] = [saved ? 0 : 1, durableVersion < version ? 1 : 0];
    this.#header.showState(describeSaving({ status, closed: failure !== undefined, unsent, unstored }), status);
    this.#showProof();
    this.#troop.refresh();
  }

  /** Whether the operations give what the server says the set is. */
  #showProof(): void {
    const { isComplete, lines, members } = this.#log;
    const agrees = isComplete && lines.length > 0 && sameMembers(members, readSet(this.#item.confirmed)?.members ?? []);
    this.#proof.dataset.tone = agrees ? 'good' : 'none';
    this.#proof.textContent = agrees ? 'Together they give these members.' : '';
  }

  #showMisfit(): void {
    if (this.#isMisfit) return;
    this.#isMisfit = true;
    for (const field of this.#form.elements) if (field instanceof HTMLElement) field.toggleAttribute('disabled', true);
    this.#options.notices.show('What has this name in the space is no set.');
  }

  #nameOf(clientId: string | undefined): string {
    return clientId === undefined ? '' : (this.#names.get(clientId) ?? clientId.slice(0, 6));
  }

  #tellRefusal(outcome: Outcome): void {
    const { notices } = this.#options;
    if ('status' in outcome && outcome.status === 403) notices.show('You may look at this set, but not change it.');
    else if (outcome.result === 'invalid' && outcome.code === 'badElement')
      notices.show('That is too long: a member has 1,024 bytes at most.');
    else if (outcome.result === 'tooLarge') notices.show('The set is as large as a set may be.');
    else notices.show('The server did not take it.');
  }
}
