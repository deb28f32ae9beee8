import { startDatastoreEmulator } from '../../test/support/datastore-emulator.ts';
import { drawn, FULL, filling, left, observed, posting, QUICK, type Size, strange, waiting } from './cases.ts';
import { Fleet, type FleetOptions, refusals } from './fleet.ts';
import type { Raw } from './raw.ts';

/** A case that fails because this machine has too much to do, or the emulator has only begun, is done again with new servers. */
const TURNS = 3;

type Measure = (fleet: Fleet, size: Size) => Promise<Partial<Raw>>;

/** Nothing is stored meanwhile; and something all the time. */
const LONG_N_MS = 120_000;
const SHORT_N_MS = 1_000;
const N_MS: { readonly [name: string]: number } = { posts: LONG_N_MS, cold: LONG_N_MS, stored: SHORT_N_MS };

const CASES: { readonly [name: string]: Measure } = {
  bare: async (fleet, size) => ({ bare: await waiting(fleet, { ...size, spaces: 0 }, size.seconds, false) }),
  watched: async (fleet, size) => ({ watched: await left(fleet, size) }),
  rest: async (fleet, size) => ({ rest: await waiting(fleet, size, size.seconds, false) }),
  joined: async (fleet, size) => ({ joined: await waiting(fleet, size, size.minute, true) }),
  posts: async (fleet, size) => ({ posts: await posting(fleet, size) }),
  stored: async (fleet, size) => ({ stored: await posting(fleet, size) }),
  moving: async (fleet, size) => ({ moving: await observed(fleet, size) }),
  cold: strange,
  drawing: async (fleet, size) => ({ drawing: await drawn(fleet, size) }),
  memory: filling,
};

export type CostOptions = {
  readonly quick: boolean;
  readonly nodeFlags: readonly string[];
  /** Measured before, of the same code and as long: what `only` leaves out is taken from there. */
  readonly known: Partial<Raw>;
  /** Names like `U.posts`; empty for all. */
  readonly only: readonly string[];
  /** Called after each case, with all there is. */
  readonly keep: (raw: Partial<Raw>) => void;
};

export async function measureCosts({ quick, nodeFlags, known, only, keep }: CostOptions): Promise<Raw> {
  let raw = known;
  for (const [name, measure] of Object.entries(CASES)) {
    if (only.length > 0 && !only.includes(`U.${name}`)) continue;
    raw = {
      ...raw,
      ...(await again(name, () =>
        onFleet(optionsOf(name, nodeFlags), (fleet) => measure(fleet, quick ? QUICK : FULL)),
      )),
    };
    keep(raw);
  }
  if (refusals() > 0) {
    const disturbed = `${refusals()} requests were refused because this machine was too busy`;
    if (!quick) throw new Error(`${disturbed}: measure again`);
    console.log(`  ${disturbed}; the figures are rough`);
  }
  return whole(raw);
}

function optionsOf(name: string, nodeFlags: readonly string[]): FleetOptions {
  const persistMs = N_MS[name];
  return persistMs === undefined ? { nodeFlags } : { nodeFlags, persistMs };
}

const PARTS = [
  'bare',
  'watched',
  'rest',
  'joined',
  'posts',
  'stored',
  'moving',
  'coldPosts',
  'coldPolls',
  'drawing',
  'memory',
] as const;

function whole(raw: Partial<Raw>): Raw {
  const missing = PARTS.filter((part) => raw[part] === undefined);
  if (missing.length > 0) throw new Error(`not measured yet: ${missing.join(', ')}; leave out --only`);
  return raw as Raw;
}

async function again<T>(name: string, measure: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn++) {
    console.log(`  U.${name}`);
    try {
      return await measure();
    } catch (error) {
      if (turn === TURNS) throw error;
      console.log(`  again: ${error instanceof Error ? error.message : error}`);
    }
  }
}

async function onFleet<T>(options: FleetOptions, use: (fleet: Fleet) => Promise<T>): Promise<T> {
  // One for each case: it becomes slower with what it holds.
  const emulator = await startDatastoreEmulator();
  if ('missing' in emulator) throw new Error(`unit costs cannot be measured: ${emulator.missing}`);
  try {
    const fleet = await Fleet.open(emulator.host, options);
    try {
      return await use(fleet);
    } finally {
      await fleet.close();
    }
  } finally {
    await emulator.stop();
  }
}
