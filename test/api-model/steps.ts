import fc from 'fast-check';
import { WHO, type Who } from './people.ts';

export const ITEMS = ['i0', 'i1', 'i2'] as const;
export const CLIENTS = ['c0', 'c1', 'c2'] as const;
export const OWN: { readonly [who in Who]: string } = { ann: 'c0', owner: 'c1', bob: 'c2', cat: 'c2' };

/** One update of a request; what depends on how things stand is named, not spelled out. */
export type UpdateStep = {
  readonly item: string;
  readonly op: object;
  readonly kind?: string;
  readonly ifVersion?: 'right' | 'old' | 'absent';
  readonly fence?: 'right' | 'old';
  readonly grab?: true;
  readonly release?: true;
  readonly durable?: true;
};

/** `own`: the client that this person usually is; `holder`: whoever holds the item, if anybody does, in the place of who and client. */
export type Actor = { readonly who: Who; readonly client: string; readonly as?: 'holder' | 'own' };

export type PostStep = Actor & {
  readonly do: 'post';
  /** How the request is numbered; `none`: without a client at all. `same`: the client's last request once more. */
  readonly seq: 'next' | 'same' | 'reused' | 'old' | 'unnumbered' | 'none';
  readonly updates: readonly UpdateStep[];
};
export type LockStep = Actor & {
  readonly do: 'lock';
  readonly item: string;
  readonly ttlMs?: number;
  readonly steal?: boolean;
};
export type UnlockStep = Actor & { readonly do: 'unlock'; readonly item: string };
export type ItemStep = {
  readonly do: 'item';
  readonly who: Who;
  readonly item: string;
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE';
  readonly match?: 'right' | 'old' | 'absent';
};
export type WriteStep = PostStep | LockStep | UnlockStep | ItemStep;
/** One change of one item: it happens at one moment. */
export type RaceStep = PostStep | LockStep | UnlockStep;
export type SettingsStep = {
  readonly do: 'settings';
  readonly who: Who;
  readonly members: { readonly [who in Who]?: string };
  readonly rule?: 'required' | 'optional' | 'none';
  readonly maxLocks?: number;
  readonly maxHoldMs?: number;
  readonly steal?: 'admin' | 'anyone';
};

export type Step = { readonly on: number } & (
  | WriteStep
  | SettingsStep
  | { readonly do: 'race'; readonly first: RaceStep; readonly second: RaceStep }
  | (Actor & { readonly do: 'join'; readonly data?: number })
  | (Actor & { readonly do: 'leave'; readonly generation: 'now' | 'old' | 'untold' })
  | (Actor & { readonly do: 'say'; readonly data: number })
  | { readonly do: 'read'; readonly who: Who; readonly limit: number; readonly client?: string; readonly post: boolean }
  | { readonly do: 'fromNow'; readonly who: Who }
  | { readonly do: 'park'; readonly who: Who; readonly client?: string }
  | { readonly do: 'end'; readonly who: Who }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'lapse'; readonly keep: readonly string[] }
);

const who = fc.constantFrom<Who>(...WHO, 'ann', 'ann');
const client = fc.constantFrom(...CLIENTS);
const item = fc.constantFrom(...ITEMS);
const small = fc.integer({ min: 0, max: 4 });
const as = fc.constantFrom<'holder' | 'own' | undefined>('own', 'own', 'own', 'holder', undefined);
const yes = fc.constantFrom<true | undefined>(true, undefined, undefined, undefined);

const op: fc.Arbitrary<object> = fc.oneof(
  { weight: 8, arbitrary: small.map((value) => ({ set: value })) },
  {
    weight: 10,
    arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.option(small)).map(([name, n]) => ({ merge: { [name]: n } })),
  },
  { weight: 4, arbitrary: fc.constant({ delete: true }) },
  { weight: 1, arbitrary: fc.constant({ nonsense: 1 }) },
);

/** Without the fields that are not there: a counterexample is read by people. */
function tidy<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}

const update: fc.Arbitrary<UpdateStep> = fc
  .record({
    item,
    op,
    kind: fc.constantFrom(undefined, undefined, undefined, 'register', 'poem'),
    ifVersion: fc.constantFrom(undefined, undefined, undefined, 'right', 'old', 'absent' as const),
    fence: fc.constantFrom(undefined, undefined, 'right', 'right', 'old' as const),
    grab: yes,
    release: yes,
    durable: yes,
  })
  .map((each) => tidy(each) as UpdateStep);

const post: fc.Arbitrary<PostStep> = fc
  .record({
    do: fc.constant('post' as const),
    who,
    client,
    as,
    seq: fc.constantFrom(
      'next',
      'next',
      'next',
      'next',
      'same',
      'same',
      'reused',
      'old',
      'unnumbered',
      'none' as const,
    ),
    updates: fc.oneof(
      { weight: 4, arbitrary: update.map((one) => [one]) },
      { weight: 1, arbitrary: fc.array(update, { minLength: 2, maxLength: 3 }) },
    ),
  })
  .map((each) => tidy(each) as PostStep);

const lock: fc.Arbitrary<LockStep> = fc
  .record({
    do: fc.constant('lock' as const),
    who,
    client,
    as,
    item,
    ttlMs: fc.constantFrom(undefined, undefined, 7_000, 25_000),
    steal: yes,
  })
  .map((each) => tidy(each) as LockStep);

const unlock = fc
  .record({ do: fc.constant('unlock' as const), who, client, as, item })
  .map(tidy) as fc.Arbitrary<UnlockStep>;

const itemStep: fc.Arbitrary<ItemStep> = fc
  .record({
    do: fc.constant('item' as const),
    who,
    item,
    method: fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE' as const),
    match: fc.constantFrom(undefined, undefined, 'right', 'old', 'absent' as const),
  })
  .map((each) => tidy(each) as ItemStep);

const write: fc.Arbitrary<WriteStep> = fc.oneof(
  { weight: 10, arbitrary: post },
  { weight: 5, arbitrary: lock },
  { weight: 2, arbitrary: unlock },
  { weight: 2, arbitrary: itemStep },
);

const racer: fc.Arbitrary<RaceStep> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(post, update).map(([each, one]) => ({ ...each, updates: [one] })) },
  { weight: 3, arbitrary: lock },
  { weight: 1, arbitrary: unlock },
);

const letters = fc.constantFrom(undefined, undefined, 'r', 'rw', 'rwla');
const settings: fc.Arbitrary<SettingsStep> = fc
  .record({
    do: fc.constant('settings' as const),
    who: fc.constantFrom<Who>('owner', 'owner', 'owner', 'owner', 'ann', 'cat'),
    members: fc.record({ bob: letters, cat: letters }).map(tidy),
    rule: fc.constantFrom(undefined, undefined, undefined, 'optional', 'required', 'none' as const),
    maxLocks: fc.constantFrom(undefined, 1, 2),
    maxHoldMs: fc.constantFrom(undefined, undefined, 45_000),
    steal: fc.constantFrom(undefined, 'admin', 'anyone' as const),
  })
  .map((each) => tidy(each) as SettingsStep);

const withClient = { who, client, as };

/** `timed`: the world has a clock that can be moved. */
export function stepsOf(instances: number, timed: boolean, maxLength: number): fc.Arbitrary<readonly Step[]> {
  const time = (weight: number) => (timed ? weight : 0);
  const step = fc.oneof(
    { weight: 22, arbitrary: write },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('race' as const), first: racer, second: racer }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        ...withClient,
        data: fc.option(small, { nil: undefined }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('leave' as const),
        ...withClient,
        generation: fc.constantFrom('now', 'now', 'old', 'untold' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('say' as const), ...withClient, data: small }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        who,
        limit: fc.constantFrom(500, 500, 1, 2),
        client: fc.option(client, { nil: undefined, freq: 3 }),
        post: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fromNow' as const), who }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('park' as const),
        // Of those who wait, this one's right may be taken back.
        who: fc.constantFrom<Who>('cat', 'cat', 'cat', ...WHO),
        client: fc.option(client, { nil: undefined, freq: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('end' as const), who: fc.constantFrom<Who>('owner', 'owner', 'cat') }),
    },
    { weight: 6, arbitrary: settings },
    {
      weight: time(4),
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(150, 900, 4_000, 11_000) }),
    },
    {
      weight: time(1),
      arbitrary: fc.record({ do: fc.constant('lapse' as const), keep: fc.subarray([...CLIENTS]) }),
    },
  );
  const placed = fc.tuple(step, fc.nat(instances - 1)).map(([each, on]) => ({ on, ...tidy(each) }) as Step);
  return fc.array(placed, { minLength: 1, maxLength, size: 'max' });
}
