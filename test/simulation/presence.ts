import { createEngine } from '../../src/core/engine.ts';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import type { EngineParts } from '../../src/core/presence/engine-parts.ts';
import { decodeClientRow } from '../../src/model/client-row.ts';
import { clientRowKey } from '../../src/model/keys.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { LEASE_GRACE_MS } from '../../src/protocol/limits.ts';
import { liveChaos } from './chaos.ts';
import { CONFIGS } from './configs.ts';
import type { SimConfig } from './faults.ts';
import type { CreateEngine } from './fleet.ts';
import type { Finding } from './history.ts';
import { LEASE_MS, SimClient } from './presence-client.ts';
import { SPACES, World } from './world.ts';

const SETTINGS = { ...DEFAULT_SETTINGS, leaseMs: LEASE_MS };
const PARTS: EngineParts = { settings: { known: () => SETTINGS, load: async () => SETTINGS } };
/** In the calm everything is in order after this long: a lapse by the own clock alone, seen by a sweep that comes late. */
const SETTLED_MS = 4 * (LEASE_MS + LEASE_GRACE_MS);

export type PresenceReport = {
  readonly findings: readonly Finding[];
  readonly counters: ReadonlyMap<string, number>;
  readonly hash: string;
};

/** They are all in one space. */
const SPACE = SPACES[0] as SpaceId;

const ALL = CONFIGS.get('all') as SimConfig;

/** Everything that may go wrong, and much of it to the records of who is here. */
export const PRESENCE: SimConfig = {
  ...ALL,
  name: 'presence',
  http: { ...ALL.http, impatient: 0.05 },
  chaos: {
    events: 14,
    gapMs: 3_000,
    weights: { ...ALL.chaos.weights, evictRoster: 4, evictRosterPulse: 2, evictHead: 0, evictBody: 0, pause: 2 },
  },
  maxSteps: 400_000,
};

/** One run of clients that come and go, over several engines on one faulty cache. */
export async function simulatePresence(
  seed: number,
  make: (deps: Parameters<CreateEngine>[0], parts: EngineParts) => ReturnType<typeof createEngine> = createEngine,
  trace?: (line: string) => void,
): Promise<PresenceReport> {
  const run: { world?: World; clients: SimClient[]; empties: number[] } = { clients: [], empties: [] };
  const create: CreateEngine = (deps) => {
    const engine = make(deps, PARTS);
    engine.clients.onEmpty(async () => {
      if (run.world) onEmpty(run.world, run.clients, run.empties);
    });
    return engine;
  };
  const world = new World(seed, PRESENCE, create, trace);
  run.world = world;
  const { scheduler, history } = world;
  for (let n = 0; n < 5; n++) run.clients.push(new SimClient(`c${n}`, world));
  try {
    await scheduler.drive(live(world, run.clients, run.empties), PRESENCE.maxSteps);
  } catch (error) {
    history.found('C11 stuck', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  await new Promise((resolve) => setImmediate(resolve));
  for (const { check, detail } of history.findings) scheduler.note(`FINDING ${check}: ${detail}`);
  return { findings: history.findings, counters: history.counters, hash: scheduler.hash };
}

/** Never while a lease runs: a client that was here all the time, was heard a moment ago, and of which the store says that it is here. */
function onEmpty(world: World, clients: readonly SimClient[], empties: number[]): void {
  const { now } = world.scheduler;
  empties.push(now);
  world.history.count('empty events');
  for (const client of clients) {
    const { hereSince, heardAt, id } = client;
    if (hereSince === undefined || heardAt - hereSince < 2_000 || now - heardAt > 2_000) continue;
    const [record] = world.fleet.store.read([clientRowKey(SPACE, id)]);
    if (record && decodeClientRow(record).left === undefined) {
      world.history.found('C6 diverged', `the space was called empty while ${id} was here`);
    }
  }
}

async function live(world: World, clients: readonly SimClient[], empties: number[]): Promise<void> {
  const { scheduler, fleet, random } = world;
  await Promise.all([...clients.map((client) => client.live(14)), liveChaos(world)]);
  scheduler.note('--- calm');
  fleet.calm();
  if (random.chance(0.3)) for (const place of [0, 1, 2]) fleet.kill(place);
  // Some go without a word, some go on.
  const stay = clients.filter((_, n) => n === 0 || random.chance(0.6));
  await scheduler.sleep(LEASE_MS, 'the last late words arrive');
  await Promise.all(stay.map((client) => stayUntil(world, client, scheduler.now + SETTLED_MS)));
  // Nobody may be taken for gone because the cache forgot who is here.
  for (const letter of random.chance(0.5) ? ['r', 'q'] : ['r'])
    for (const key of fleet.cache.keys(letter)) fleet.cache.remove(key);
  const before = stay.map(({ evicted }) => evicted);
  await Promise.all(stay.map((client) => stayUntil(world, client, scheduler.now + 3 * LEASE_MS)));
  for (const [i, client] of stay.entries()) {
    if (client.evicted !== before[i]) world.history.found('C4 lost', `${client.id} was taken out in the calm`);
  }
  await checkViews(world, stay);
  await checkEmpty(world, clients, empties);
}

async function stayUntil(world: World, client: SimClient, until: number): Promise<void> {
  while (world.scheduler.now < until) {
    if (client.hereSince === undefined) await client.join();
    await client.poll(1);
  }
}

/** Each of those who stayed is seen by all of them, with what it said, and nobody else is. */
async function checkViews(world: World, stay: readonly SimClient[]): Promise<void> {
  const { history, scheduler } = world;
  for (const client of stay) {
    if (!(await client.say(`last words of ${client.id}`))) history.found('C11 stuck', `${client.id} cannot say a word`);
  }
  await Promise.all(stay.map((client) => stayUntil(world, client, scheduler.now + 3_000)));
  const expected = stay.map(({ id }) => `${id}: last words of ${id}`).sort();
  const cold = new SimClient('cold', world);
  await cold.poll(0);
  for (const { id, others } of [...stay, cold]) {
    const seen = [...others.values()].map((each) => `${each.id}: ${String(each.data)}`).sort();
    if (JSON.stringify(seen) !== JSON.stringify(expected)) {
      history.found('C6 diverged', `${id} sees ${seen.join(', ')} instead of ${expected.join(', ')}`);
    }
  }
}

/** When all have gone, some of them without a word, the event comes, and nobody is left in the roster. */
async function checkEmpty(world: World, clients: readonly SimClient[], empties: number[]): Promise<void> {
  const { history, scheduler, random, fleet } = world;
  for (const client of clients) {
    if (client.hereSince === undefined || random.chance(0.5)) continue;
    if (!(await client.leave(client.generation))) history.found('C11 stuck', `${client.id} cannot leave`);
  }
  for (const client of clients) client.hereSince = undefined;
  const from = scheduler.now;
  if (random.chance(0.5)) for (const place of [0, 1, 2]) fleet.kill(place);
  // A row is looked at a minute and two leases after its client was last seen.
  await scheduler.sleep(60_000 + 6 * (LEASE_MS + LEASE_GRACE_MS) + 40_000, 'until the space is empty');
  if (!empties.some((at) => at >= from)) history.found('C11 stuck', 'nobody was told that the space is empty');
  const cold = new SimClient('cold', world);
  await cold.poll(0);
  if (cold.others.size > 0) history.found('ghost', `${[...cold.others.keys()].join(', ')} stayed in an empty space`);
}
