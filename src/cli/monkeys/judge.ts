import type { Json } from '../../base/json.ts';
import { equal } from '../../client/equal.ts';
import type { Entry } from './ledger.ts';
import type { Final } from './sight.ts';
import type { Deed, Tag, Work } from './work.ts';

/**
 * - `lost`: an acknowledged update is not in the operations, or a tag that it brought is not in the value, or one that it took away is.
 * - `doubled`: an operation is there twice, or a tag is in the value twice.
 * - `disordered`: operations of one monkey in another order than it sent them.
 * - `strange`: what nobody posted, or what was refused and is there all the same.
 */
export type Sort = 'lost' | 'doubled' | 'disordered' | 'strange';
export type Finding = { readonly sort: Sort; readonly item: string; readonly what: string };

/** Holds what the monkeys of one item were told against what is there in the end. Pure. */
export function judge(work: Work, item: string, entries: readonly Entry[], final: Final): Finding[] {
  const found: Finding[] = [];
  const find = (sort: Sort, what: string): void => void found.push({ sort, item, what });
  if (final.deeds !== undefined) judgeDeeds(entries, final.deeds, find);
  const tags = work.tagsIn(final.value);
  if (tags !== undefined) judgeTags(entries, tags, find);
  const { rest } = work;
  if (rest && !equal(rest.of(final.value), rest.is)) find('strange', 'what lies between the tags has changed');
  return found;
}

type Find = (sort: Sort, what: string) => void;

/** Each operation by its index: it is there exactly once if it was acknowledged, at most once if nobody answered, never if it was refused. */
function judgeDeeds(entries: readonly Entry[], deeds: readonly Deed[], find: Find): void {
  const counts = new Map<Deed, number>();
  const single = deeds.flatMap((deed) => deed.split(' ')).filter((deed) => /^[+-]\d+$/.test(deed));
  for (const deed of single) counts.set(deed, (counts.get(deed) ?? 0) + 1);
  const monkeys = new Map<Deed, number>();
  for (const { tag, removes, fate, monkey } of entries) {
    for (const deed of removes === undefined ? [`+${tag}`] : [`+${tag}`, `-${removes}`]) {
      judgeCount(deed, fate, counts.get(deed) ?? 0, find);
      counts.delete(deed);
    }
    monkeys.set(`+${tag}`, monkey);
  }
  for (const deed of counts.keys()) find('strange', `operation ${deed} was not posted`);
  const last = new Map<number, Tag>();
  for (const deed of new Set(single)) {
    const monkey = monkeys.get(deed);
    if (monkey === undefined) continue;
    const before = last.get(monkey) ?? 0;
    if (before > Number(deed)) find('disordered', `operation ${deed} of monkey ${monkey} came after +${before}`);
    last.set(monkey, Number(deed));
  }
}

function judgeCount(deed: Deed, fate: Entry['fate'], count: number, find: Find): void {
  if (count > 1) find('doubled', `operation ${deed} is there ${count} times`);
  if (count === 0 && fate === 'ok') find('lost', `operation ${deed} was acknowledged and is not there`);
  if (count > 0 && fate === 'refused') find('strange', `operation ${deed} was refused and is there`);
}

/** The value: tags that were brought and not taken away. */
function judgeTags(entries: readonly Entry[], tags: readonly Tag[], find: Find): void {
  const counts = new Map<Tag, number>();
  for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const removals = new Map(entries.map(({ removes, fate }) => [removes, fate]));
  for (const { tag, fate } of entries) {
    const count = counts.get(tag) ?? 0;
    counts.delete(tag);
    const removal = removals.get(tag);
    if (count > 1) find('doubled', `tag ${tag} is in the value ${count} times`);
    if (count > 0 && fate === 'refused') find('strange', `tag ${tag} was refused and is in the value`);
    else if (count > 0 && removal === 'ok') find('lost', `tag ${tag} was taken away and is in the value`);
    else if (count === 0 && fate === 'ok' && (removal === undefined || removal === 'refused'))
      find('lost', `tag ${tag} was acknowledged and is not in the value`);
  }
  for (const tag of counts.keys()) find('strange', `tag ${tag} was not posted`);
}

/** What two servers say of one item. */
export function compareServers(item: string, one: Final, other: Final): Finding[] {
  const same = equal(one.value, other.value) && equal((one.deeds ?? []) as Json, (other.deeds ?? []) as Json);
  return same ? [] : [{ sort: 'strange', item, what: 'the servers do not agree on it' }];
}
