import { readMembers } from '../auth/permissions.ts';
import type { SpacePolicies } from '../auth/policies.ts';
import { livingRow } from '../core/spaces/space-changes.ts';
import { spaceRowKey } from '../model/keys.ts';
import type { Store } from '../ports/store.ts';

/** Policies as the spaces' own records in the store say. A space is there from its first stored update on, until it is deleted. */
export function createSpacePolicies(store: Store): SpacePolicies {
  return {
    async of(space) {
      const [record] = await store.read([spaceRowKey(space)]);
      const row = livingRow(record);
      return row && { exists: true, members: readMembers(row.settings) };
    },
  };
}
