import type { Update } from '../protocol/post-update.ts';
import { invalid, type Verdict } from './decide-update.ts';
import { type SpaceDeps, settingsSource } from './spaces/settings.ts';

/** An item comes into being only as a kind that its space takes. */
export async function judgeCreation(
  deps: SpaceDeps,
  space: string,
  update: Update,
  verdict: Verdict & { readonly kind: 'accept' },
): Promise<Verdict> {
  const source = settingsSource(deps);
  const { kinds } = source.known(space) ?? (await source.load(space));
  if (kinds === undefined || kinds.includes(verdict.itemKind.name)) return verdict;
  return invalid(update, 'kindUnknown', `this space takes only ${kinds.join(', ')}`);
}
