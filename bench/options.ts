import { parseArgs } from 'node:util';

export type Options = {
  /** One repetition, short phases, fewer cases: under a minute. */
  readonly quick: boolean;
  /** Names of cases or their beginnings; empty for all. */
  readonly only: readonly string[];
  readonly repetitions: number;
  /** For Longshore; the floors run as they are. */
  readonly nodeFlags: readonly string[];
  /** Profile the servers of Longshore, and show where their time goes. */
  readonly profile: boolean;
  /** Only what `npm run capacity` computes from, written to the file that it reads. */
  readonly costs: boolean;
};

/** As `npm start` and the deploy files: much of a poll is young and short-lived. */
const START_FLAGS = '--max-semi-space-size=64';

export const USAGE = `npm run bench -- [--quick] [--only A1,B] [--repetitions 3] [--node-flags=--max-semi-space-size=64] [--profile]
npm run bench -- --costs [--quick] [--only U.posts,U.cold]

A1 fan-out, lock-step   S the same over streams   A2 latency at a moderate rate   A3 overload   B posts   C idle waiters   D catch-up
K answers given again, and compressed   T editors of one text
E from one instance to another, E.pubsub over the emulator of Pub/Sub
R round trips to memcached   W writes to the store
--costs: unit costs for npm run capacity, into results/unit-costs.json; takes the emulator of Datastore`;

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      repetitions: { type: 'string' },
      'node-flags': { type: 'string', default: START_FLAGS },
      profile: { type: 'boolean', default: false },
      costs: { type: 'boolean', default: false },
    },
  });
  const repetitions = Number(values.repetitions ?? (values.quick || values.profile ? 1 : 3));
  if (!Number.isInteger(repetitions) || repetitions < 1) throw new Error('--repetitions must be a positive integer');
  const words = (text: string, separator: string) => text.split(separator).filter((word) => word !== '');
  return {
    quick: values.quick,
    only: words(values.only, ','),
    repetitions,
    nodeFlags: words(values['node-flags'], ' '),
    profile: values.profile,
    costs: values.costs,
  };
}

/** `A1` takes `A1.1000` too. */
export function isWanted({ only }: Options, name: string): boolean {
  return only.length === 0 || only.some((wanted) => name === wanted || name.startsWith(`${wanted}.`));
}
