import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { Person } from './events.ts';

/** Who is in the space. */
export class Roster {
  #people: readonly Person[] = [];

  get people(): readonly Person[] {
    return this.#people;
  }

  /** Whether it changed. `whole`: the answer names everybody, and none where nobody is here. */
  take(clients: GetUpdatesResponse['clients'] = [], whole: boolean): boolean {
    if (clients.length === 0 && !(whole && this.#people.length > 0)) return false;
    const people = new Map(whole ? [] : this.#people.map((person) => [person.id, person]));
    for (const { id, name, data, state } of clients) {
      if (state === 'left') people.delete(id);
      else people.set(id, { id, ...(name !== undefined && { name }), ...(data !== undefined && { data }) });
    }
    this.#people = [...people.values()];
    return true;
  }
}
