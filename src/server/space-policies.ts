import { readMembers } from '../auth/permissions.ts';
import type { SpacePolicies } from '../auth/policies.ts';
import { spaceRowKey } from '../model/keys.ts';
import { decodeSpaceRow } from '../model/row.ts';
import type { Store } from '../ports/store.ts';

/** Policies as the spaces' own records in the store say. A space is there from its first stored update on. */
export function createSpacePolicies(store: Store): SpacePolicies {
  return {
    async of(space) {
      const [record] = await store.read([spaceRowKey(space)]);
      if (record === undefined) return undefined;
      return { exists: true, members: readMembers(decodeSpaceRow(record).settings) };
    },
  };
}
