import {
  type ClientName,
  type ClientRecords,
  type HeldItems,
  withGrant,
  withoutGrant,
} from '../../src/core/people-types.ts';
import type { SpaceState } from '../../src/core/space-state.ts';

/** The records of clients in one process, shared by all instances of a test: who has joined, and what they hold. */
export class JoinedClients implements ClientRecords {
  readonly #held = new Map<string, Map<string, string>>();
  /** Everybody who asks has joined. */
  readonly #open: boolean;

  constructor(options: { readonly open?: boolean } = {}) {
    this.#open = options.open ?? false;
  }

  join(client: string, subject = 'anonymous', space = 'board'): void {
    this.#held.set(keyOf(space, { subject, client }), new Map());
  }

  /** Takes the client out; returns what it held. */
  leave(client: string, subject = 'anonymous', space = 'board'): Record<string, string> {
    const held = this.held(client, subject, space);
    this.#held.delete(keyOf(space, { subject, client }));
    return held;
  }

  /** Grants by item. */
  held(client: string, subject = 'anonymous', space = 'board'): Record<string, string> {
    return Object.fromEntries(this.#held.get(keyOf(space, { subject, client })) ?? []);
  }

  async hold(space: SpaceState, name: ClientName, item: string, grant: string, max: number) {
    const key = keyOf(space.id, name);
    if (this.#open && !this.#held.has(key)) this.#held.set(key, new Map());
    const held = this.#held.get(key);
    if (!held) return 'notJoined';
    if (!held.has(item) && held.size >= max) return 'tooMany';
    this.#held.set(key, new Map(Object.entries(withGrant(Object.fromEntries(held), item, grant))));
    return 'held';
  }

  async heldBy(space: SpaceState, { subject, client }: ClientName): Promise<Record<string, string>> {
    return this.held(client, subject, space.id);
  }

  async revise(space: SpaceState, name: ClientName, decide: (held: HeldItems) => HeldItems | undefined) {
    const before = this.#held.get(keyOf(space.id, name));
    const held = before && decide(Object.fromEntries(before));
    if (held) this.#held.set(keyOf(space.id, name), new Map(Object.entries(held)));
    return held !== undefined;
  }

  async drop(space: SpaceState, name: ClientName, item: string, grant: string | undefined): Promise<void> {
    const key = keyOf(space.id, name);
    const held = withoutGrant(Object.fromEntries(this.#held.get(key) ?? []), item, grant);
    if (held) this.#held.set(key, new Map(Object.entries(held)));
  }
}

function keyOf(space: string, { subject, client }: ClientName): string {
  return `${space}/${subject}/${client}`;
}
