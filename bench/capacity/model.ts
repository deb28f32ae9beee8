import type { Cost, UnitCosts } from '../costs/derive.ts';
import { BASE_BYTES, FEWEST_INSTANCES, NODE, type Platform, USABLE } from './platform.ts';
import {
  answersPerClient,
  instancesPerSpace,
  type Load,
  PULSE_SECONDS,
  safetyLooksPerPair,
  strangeShare,
  toldLooksPerPair,
  watchedPairs,
  writesPerUpdate,
} from './traffic.ts';

/** Everything that happens in a second, over all instances. */
export type Traffic = {
  readonly spaces: number;
  readonly posts: number;
  readonly answers: number;
  /** Spaces that are waited for, and that are watched, counted at each instance. */
  readonly pairs: number;
  readonly watched: number;
  /** All looks at spaces, and those that have something to tell. */
  readonly looks: number;
  readonly toldLooks: number;
  /** Posts and polls at instances that have not heard of their space for a while. */
  readonly strangePosts: number;
  readonly strangePolls: number;
  /** Polls that come to another instance than the last, which knows the space but not their marker. */
  readonly movedPolls: number;
  readonly storeReads: number;
  readonly storeWrites: number;
  readonly blobWrites: number;
  readonly serverUs: number;
  readonly cacheUs: number;
  readonly cacheCalls: number;
  readonly cacheBytes: number;
  readonly egressBytes: number;
  /** Of `serverUs`: what it takes to notice changes that were made elsewhere. */
  readonly pulseUs: number;
};

/** A poll without news ends after 25 s, up to a tenth sooner. */
const WAIT_SECONDS = 23.75;

type Placing = Pick<Platform, 'sticky' | 'routed'>;

export function trafficOf(
  load: Load,
  costs: UnitCosts,
  instances: number,
  { sticky, routed = false }: Placing,
): Traffic {
  const { clients, rate, perSpace, joined, drawing, persist, roundTrip } = load;
  const spaces = clients / perSpace;
  const u = rate * perSpace;
  const posts = rate * clients;
  /** Among how many instances the requests for one space are spread. */
  const among = routed ? 1 : instances;
  const perClient = answersPerClient(u, among, roundTrip);
  const answers = perClient * clients;
  const pairs = spaces * instancesPerSpace(among, perSpace);
  const told = toldLooksPerPair({ u, instances: among, here: clients / pairs, answers: perClient, roundTrip });
  const looks = pairs * (told + safetyLooksPerPair(told));

  const held = pairs / (spaces * among);
  const polls = sticky ? 0 : answers + clients * (Math.exp(-perClient * WAIT_SECONDS) / WAIT_SECONDS);
  const strange = strangeShare(u + polls / spaces, among);
  const strangePosts = posts * (1 - held) * strange;
  const strangePolls = polls * (1 - held) * strange;
  const watched = Math.max(pairs, watchedPairs(spaces, polls / spaces, among));
  const movedPolls = polls - strangePolls;

  const members = clients * joined;
  const rows = posts * writesPerUpdate(u / load.itemsPerSpace, persist);
  const total = (part: keyof Cost): number =>
    (posts - strangePosts) * costs.post[part] +
    rows * costs.storeWrite[part] +
    (pairs * told + movedPolls) * costs.look[part] +
    pairs * safetyLooksPerPair(told) * costs.safetyLook[part] +
    strangePosts * costs.coldPost[part] +
    strangePolls * costs.coldPoll[part] +
    watched * costs.pair[part] +
    members * costs.client[part] +
    instances * costs.instance[part];
  const reading =
    rows * costs.storeWrite.reads +
    strangePosts * costs.coldPost.storeReads +
    strangePolls * costs.coldPoll.storeReads +
    pairs * costs.pair.storeReads +
    members * costs.client.storeReads +
    instances * costs.instance.storeReads;
  return {
    spaces,
    posts,
    answers,
    pairs,
    watched,
    looks,
    toldLooks: pairs * told,
    strangePosts,
    strangePolls,
    movedPolls,
    storeReads: reading,
    storeWrites: rows + members * costs.client.storeWrites,
    blobWrites: spaces * drawing * costs.picture.blobWrites,
    serverUs: total('serverUs') + answers * costs.delivery.serverUs,
    cacheUs: total('cacheUs'),
    cacheCalls: total('cacheCalls'),
    cacheBytes: total('cacheBytes'),
    egressBytes: posts * costs.post.received + answers * costs.delivery.received,
    pulseUs: watched * costs.pair.serverUs,
  };
}

export type Need = { readonly by: string; readonly count: number };

export type Plan = {
  readonly load: Load;
  readonly platform: Platform;
  readonly traffic: Traffic;
  readonly instances: number;
  /** What asks for so many, and how many each reason asks for. */
  readonly instancesBy: readonly Need[];
  readonly nodes: number;
  readonly nodesBy: readonly Need[];
  /** Shares of the time that the cores of an instance and of a node are busy. */
  readonly instanceBusy: number;
  readonly nodeBusy: number;
  readonly pulsePerSecond: number;
};

const MAX_INSTANCES = 10_000_000;
/** More instances hold more spaces each, but let fewer changes pass a client that is away: the fewest that suffice are come to from below. */
const STEP = 1.05;

/** As few instances and nodes as keep below what may be used of each. */
export function planFor(load: Load, costs: UnitCosts, platform: Platform): Plan {
  let instances = FEWEST_INSTANCES;
  for (;;) {
    const traffic = trafficOf(load, costs, instances, platform);
    const instancesBy = instanceNeeds(load, costs, platform, traffic);
    const most = mostOf(instancesBy);
    if (most <= instances) {
      const nodesBy = nodeNeeds(load, costs, traffic);
      const nodes = mostOf(nodesBy);
      return {
        load,
        platform,
        traffic,
        instances,
        instancesBy,
        nodes,
        nodesBy,
        instanceBusy: traffic.serverUs / 1e6 / instances / platform.coreSpeed,
        nodeBusy: traffic.cacheUs / 1e6 / nodes / NODE.cpus,
        pulsePerSecond: traffic.watched / PULSE_SECONDS,
      };
    }
    if (most > MAX_INSTANCES) throw new Error('no number of instances carries this');
    instances = Math.min(most, Math.max(instances + 1, Math.floor(instances * STEP)));
  }
}

function instanceNeeds({ clients }: Load, costs: UnitCosts, platform: Platform, traffic: Traffic): Need[] {
  const room = platform.memoryBytes * USABLE.memory - BASE_BYTES;
  return [
    { by: 'CPU', count: upTo(traffic.serverUs / 1e6 / platform.coreSpeed / USABLE.core) },
    { by: 'waiting polls', count: upTo(clients / (platform.slots * USABLE.slots)) },
    { by: 'memory', count: upTo((clients * costs.memory.poll) / room) },
    { by: 'two at least', count: FEWEST_INSTANCES },
  ];
}

function nodeNeeds({ itemsPerSpace }: Load, { memory }: UnitCosts, { spaces, cacheUs, cacheBytes }: Traffic): Need[] {
  const held = spaces * (memory.space + itemsPerSpace * memory.item);
  return [
    { by: 'CPU', count: upTo(cacheUs / 1e6 / (NODE.cpus * USABLE.nodeCpu)) },
    { by: 'bytes/s', count: upTo(cacheBytes / (NODE.bytesPerSecond * USABLE.nodeBytes)) },
    { by: 'memory', count: upTo(held / (NODE.gigabytes * 1e9 * USABLE.nodeMemory)) },
    { by: 'one at least', count: 1 },
  ];
}

/** As many whole ones as hold it; what the last digits of a sum are off by asks for none. */
function upTo(amount: number): number {
  return Math.ceil(amount - 1e-6);
}

function mostOf(needs: readonly Need[]): number {
  return Math.max(...needs.map(({ count }) => count));
}

/** The reason that asks for the most. */
export function binding(needs: readonly Need[]): string {
  const most = mostOf(needs);
  return needs.find(({ count }) => count === most)?.by ?? '';
}
