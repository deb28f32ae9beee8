import type { Caller } from '../../src/auth/caller.ts';
import { ALL_RIGHTS, type Grants, readGrants } from '../../src/auth/permissions.ts';
import type { SpacePolicies, SpacePolicy } from '../../src/auth/policies.ts';
import { Tickets } from '../../src/auth/tickets.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { parseSpaceId, type SpaceId } from '../../src/protocol/ids.ts';
import { realClock } from './clocks.ts';

export const SECRET = 'a-token-secret-of-32-characters-or-more';

export function spaceId(text: string): SpaceId {
  const space = parseSpaceId(text);
  if (space === undefined) throw new Error(`${text} is not the id of a space`);
  return space;
}

export function grantsOf(spaces: { readonly [pattern: string]: string }): Grants {
  const grants = readGrants(spaces);
  if (grants === undefined) throw new Error(`no grants: ${JSON.stringify(spaces)}`);
  return grants;
}

export function callerOf(subject: string, spaces: { readonly [pattern: string]: string }, untilMs = Infinity): Caller {
  return { subject, grants: grantsOf(spaces), untilMs, cap: ALL_RIGHTS };
}

/** Records of spaces that the test changes; counts how often they are read. */
export class ScriptedPolicies implements SpacePolicies {
  readonly spaces = new Map<string, SpacePolicy>();
  reads = 0;
  /** Thrown while set. */
  failure: unknown;

  async of(space: SpaceId): Promise<SpacePolicy | undefined> {
    this.reads++;
    if (this.failure !== undefined) throw this.failure;
    return this.spaces.get(space);
  }
}

/** Tickets whose marks are kept in a set, as one cache for all would. */
export function makeTickets(
  options: { clock?: Clock; secrets?: readonly string[]; marks?: Set<string> } = {},
): Tickets {
  const { clock = realClock, secrets = ['sealing-key-of-the-test'], marks = new Set<string>() } = options;
  let made = 0;
  return new Tickets({
    secrets,
    clock,
    random: { fraction: () => 0.5, id: () => `n${made++}` },
    markUsed: async (space, ticket) => {
      const name = `${space}/${ticket}`;
      return !marks.has(name) && marks.add(name) !== undefined;
    },
  });
}
