export type MonkeyState = {
  readonly isAway: boolean;
  readonly unsent: number;
  readonly isSettled: boolean;
  readonly members: readonly string[];
};

export type TroopState = {
  readonly monkeys: readonly MonkeyState[];
  readonly rests: boolean;
  /** As this page has them; `undefined` while it does not know all, or others do not know all of it. */
  readonly members: readonly string[] | undefined;
};

export type Verdict = { readonly text: string; readonly tone: 'good' | 'busy' | 'none' };

/** What they do, and once they rest, whether all of them have the same set as this page. */
export function describeTroop({ monkeys, rests, members }: TroopState): Verdict {
  if (monkeys.length === 0)
    return { text: 'Simulated people who add and remove, and go offline now and then.', tone: 'none' };
  const away = monkeys.filter(({ isAway }) => isAway);
  const kept = away.reduce((sum, { unsent }) => sum + unsent, 0);
  if (away.length > 0)
    return {
      text: `${away.length} offline, with ${kept} ${kept === 1 ? 'operation' : 'operations'} kept`,
      tone: 'busy',
    };
  if (!rests) return { text: 'At work, all online', tone: 'none' };
  const agree = members && monkeys.every((one) => one.isSettled && sameMembers(one.members, members));
  if (!agree) return { text: 'Sending what is left', tone: 'busy' };
  return {
    text: monkeys.length === 1 ? 'It has the same members as you' : 'All have the same members as you',
    tone: 'good',
  };
}

/** Both in their order. */
export function sameMembers(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((element, i) => element === other[i]);
}
