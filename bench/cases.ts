import type { Subject } from './host/servers.ts';
import type { Task } from './load/job.ts';

/** One line of the benchmark: a task, and who has to do it. */
export type Case = {
  readonly name: string;
  readonly title: string;
  readonly task: Task;
  readonly subjects: readonly Subject[];
};

const FULL = { warmUp: 1.5, seconds: 5 };
const QUICK = { warmUp: 1, seconds: 1 };
const ONE_SECOND = { warmUp: 1.5, seconds: 1 };

const OBSERVERS = [
  { observers: 100, moderate: 20, overload: 2_000 },
  { observers: 1_000, moderate: 5, overload: 200 },
  { observers: 5_000, moderate: 2, overload: 40 },
];
const ALL: readonly Subject[] = ['floor', 'floorMemjs', 'longshore', 'embedded'];
const MAIN: readonly Subject[] = ['floor', 'longshore'];

export function casesOf(quick: boolean): Case[] {
  const length = quick ? QUICK : FULL;
  const cases: Case[] = [];
  for (const { observers } of quick ? OBSERVERS.slice(1, 2) : OBSERVERS) {
    const title = `fan-out to ${observers} observers, lock-step; per delivery with its re-poll`;
    const subjects = observers === 1_000 && !quick ? ALL : MAIN;
    cases.push({ name: `A1.${observers}`, title, task: { phase: 'A1', observers, ...length }, subjects });
  }
  const streams = [
    { name: 'S.events', stream: 'events', how: 'server-sent events' },
    { name: 'S.socket', stream: 'socket', how: 'WebSocket' },
  ] as const;
  for (const { name, stream, how } of streams) {
    const title = `fan-out to 1000 observers over ${how}, lock-step; per delivery (beside A1.1000)`;
    cases.push({ name, title, task: { phase: 'S', observers: 1_000, stream, ...length }, subjects: ['longshore'] });
  }
  for (const { observers, moderate, overload } of quick ? [] : OBSERVERS) {
    const a2 = { phase: 'A2', observers, rate: moderate, ...FULL, seconds: 8 } as const;
    cases.push({
      name: `A2.${observers}`,
      title: `${moderate} posts/s to ${observers} observers`,
      task: a2,
      subjects: MAIN,
    });
    const a3 = { phase: 'A3', observers, rate: overload, ...ONE_SECOND } as const;
    const title = `overload: ${overload} posts/s to ${observers} observers for 1 s, open loop`;
    cases.push({ name: `A3.${observers}`, title, task: a3, subjects: MAIN });
  }
  cases.push({
    name: 'B',
    title: 'posts: 64 connections, 64 spaces, 1,000 items',
    task: { phase: 'B', ...length },
    subjects: ALL,
  });
  const once = [...(quick ? [] : idleCases()), catchUpCase(quick)];
  return [...cases, ...once, ...economyCases(length), ...textCases(quick)];
}

/** Fewer waiters would be hidden by what the heap has to spare. */
function idleCases(): Case[] {
  const task = { phase: 'C', waiters: 10_000, warmUp: 3, seconds: 6 } as const;
  const title = '10,000 idle waiters in 1,000 spaces, spaces included';
  return [
    { name: 'C', title: '10,000 idle waiters in one space', task: { ...task, spaces: 1 }, subjects: MAIN },
    { name: 'C.spaces', title, task: { ...task, spaces: 1_000 }, subjects: MAIN },
  ];
}

/** What unit costs need of these: a delivery to many, and the memory of a poll. */
export function costCases(quick: boolean): Case[] {
  const wanted = ['A1.1000', 'C.spaces'];
  const cases = [...casesOf(quick).filter(({ name }) => name === 'A1.1000'), ...idleCases()];
  return cases.filter(({ name }) => wanted.includes(name)).map((one) => ({ ...one, subjects: ['longshore'] }));
}

/** Beside a server that has each document in its own memory, and forgets it. */
function textCases(quick: boolean): Case[] {
  const subjects: readonly Subject[] = ['yjs', 'longshore', ...(quick ? [] : ['embedded' as const])];
  const task = { phase: 'T', editors: 10, chars: 20_000, warmUp: 1, seconds: quick ? 2 : 10 } as const;
  const merges = { phase: 'T.merge', chars: 20_000, warmUp: 0, seconds: quick ? 1 : 5 } as const;
  return [
    { name: 'T.steady', title: '10 editors of one text, 5 keys/s each; per key', task: { ...task, rate: 5 }, subjects },
    {
      name: 'T.most',
      title: '10 editors of one text, the next key when all others show the last; per key',
      task,
      subjects,
    },
    ...[0, 5].map((behind) => ({
      name: `T.merge.${behind}`,
      title: `the pure step in the generator: one key a post, ${behind} keys behind, by its CPU time`,
      task: { ...merges, behind },
      subjects: ['longshore' as const],
    })),
  ];
}

function catchUpCase(quick: boolean): Case {
  const title = 'catch-up of the last 100 updates, 64 connections';
  const subjects = quick ? MAIN : [...MAIN, 'embedded' as const];
  return { name: 'D', title, task: { phase: 'D', ...(quick ? QUICK : FULL) }, subjects };
}

/** What it saves to give an answer again, and what compressing costs: where all ask the same it is done once, else for each answer. */
function economyCases(length: { readonly warmUp: number; readonly seconds: number }): Case[] {
  const subjects = ['longshore'] as const;
  const made = (name: string, what: string, accepts?: 'br' | 'gzip'): Case[] =>
    [true, false].map((alike) => ({
      name: `${name}.${alike ? 'same' : 'other'}`,
      title: `catch-up of 100, 2 connections, ${alike ? 'one question' : '400 questions'}, ${what}`,
      task: { phase: 'K', connections: 2, alike, ...(accepts && { accepts }), ...length },
      subjects,
    }));
  return [...made('K', 'plain'), ...made('K.gzip', 'gzip', 'gzip'), ...made('K.br', 'br', 'br')];
}

/** Post on one instance, observers on the other. */
export function crossingTask(quick: boolean): Task {
  return { phase: 'E', observers: 20, rate: 10, warmUp: 1, seconds: quick ? 2 : 15 };
}
