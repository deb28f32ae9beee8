import { INSTANCES } from './fleet.ts';
import type { Raw, Seen } from './raw.ts';

/** What one of something costs the instances and memcached: microseconds of CPU, requests, bytes both ways. */
export type Cost = {
  readonly serverUs: number;
  readonly cacheUs: number;
  readonly cacheCalls: number;
  readonly cacheBytes: number;
};

export type UnitCosts = {
  /** One accepted update of a register, without what is stored later. `received`: of the answer, by the client. */
  readonly post: Cost & { readonly received: number; readonly sent: number };
  /** The first post and the first poll of a space at an instance that has not heard of it for a minute. */
  readonly coldPost: Cost & { readonly storeReads: number };
  readonly coldPoll: Cost & { readonly storeReads: number };
  /** One row of an item written to the store; the reads are those of its transaction. */
  readonly storeWrite: Cost & { readonly reads: number };
  /** One reading of a space for whoever waits at one instance: with news; and one that nothing called for, with many others at once. */
  readonly look: Cost;
  readonly safetyLook: Cost;
  /** One answer, and the request that follows it. */
  readonly delivery: { readonly serverUs: number; readonly received: number; readonly sent: number };
  /** One space that is watched at one instance, per second: its hints are looked at. */
  readonly pair: Cost & { readonly storeReads: number };
  /** One client that joined, per second. */
  readonly client: Cost & { readonly storeReads: number; readonly storeWrites: number };
  /** One instance where nobody is, per second. */
  readonly instance: Cost & { readonly storeReads: number };
  /** Bytes: of an instance per waiting poll, of memcached per space and per item. */
  readonly memory: { readonly poll: number; readonly space: number; readonly item: number };
  /** Pictures stored per second of one that is drawn on. */
  readonly picture: { readonly blobWrites: number };
};

export type Beside = {
  /** Of a delivery where thousands are told the same: its look costs next to nothing. */
  readonly deliveryUs: number;
  readonly pollBytes: number;
};

const COST = ['serverUs', 'cacheUs', 'cacheCalls', 'cacheBytes'] as const;

function cost(of: (part: keyof Cost) => number): Cost {
  return Object.fromEntries(COST.map((part) => [part, of(part)])) as Cost;
}

/** What an instance does in any case is in every run, as long as it lasts. */
function without(bare: Seen, seen: Seen): Seen {
  const share = seen.seconds / bare.seconds;
  const parts = [...COST, 'storeReads', 'storeWrites', 'looks'] as const;
  return { ...seen, ...Object.fromEntries(parts.map((part) => [part, seen[part] - bare[part] * share])) };
}

/** What costs came out as, and which of them below nothing: those are 0. */
export type Derived = { readonly costs: UnitCosts; readonly rough: readonly string[] };

/**
 * Unit costs from runs that differ in one thing each. Posts are stored or not; spaces are watched, or waited for as well, which takes a look every 2 s; where there
 * are posts besides, there are looks that tell them, and answers.
 */
export function deriveCosts(raw: Raw, beside: Beside): Derived {
  const { bare, memory } = raw;
  const net = (name: Exclude<keyof Raw, 'memory'>) => without(bare, raw[name]);
  const [watched, rest, joined] = [net('watched'), net('rest'), net('joined')];
  const [posts, stored, moving] = [net('posts'), net('stored'), net('moving')];
  const [coldPosts, coldPolls, drawing] = [net('coldPosts'), net('coldPolls'), net('drawing')];
  const per = (seen: Seen, part: keyof Cost, of: number) => seen[part] / of;
  const spanOf = (seen: Seen) => seen.pairs * seen.seconds;

  const [kept, not] = [stored.storeWrites / stored.posts, posts.storeWrites / posts.posts];
  const storeWrite = cost((part) => (per(stored, part, stored.posts) - per(posts, part, posts.posts)) / (kept - not));
  const post = cost((part) => per(posts, part, posts.posts) - not * storeWrite[part]);
  const reads = stored.storeReads / stored.storeWrites;

  const pair = cost((part) => per(watched, part, spanOf(watched)));
  const safety = rest.looks / spanOf(rest);
  const safetyLook = cost((part) => (per(rest, part, spanOf(rest)) - pair[part]) / safety);
  // Who is told once a second has few looks for safety: one in e^2 - 1.
  const told = moving.looks / spanOf(moving) - SAFETY_BESIDE_ONE;
  const look = cost((part) => {
    const delivered = part === 'serverUs' ? moving.answers * beside.deliveryUs : 0;
    const posted = moving.posts * post[part] + moving.storeWrites * storeWrite[part];
    const waited = (moving[part] - posted - delivered) / spanOf(moving);
    return (waited - pair[part] - SAFETY_BESIDE_ONE * safetyLook[part]) / told;
  });

  const alone = (seen: Seen) => (part: keyof Cost) => (seen[part] - seen.storeWrites * storeWrite[part]) / seen.posts;
  const readsAlone = (seen: Seen) => Math.max(0, seen.storeReads - seen.storeWrites * reads) / seen.posts;
  const span = joined.clients * joined.seconds;
  const client = cost(
    (part) => per(joined, part, span) - per(rest, part, spanOf(rest)) * (joined.pairs / joined.clients),
  );
  const restReads = Math.max(0, rest.storeReads / spanOf(rest));
  const standing = bare.seconds * INSTANCES;
  return atLeastNothing({
    post: { ...post, received: posts.postReceived / posts.posts, sent: posts.postSent / posts.posts },
    coldPost: { ...cost(alone(coldPosts)), storeReads: readsAlone(coldPosts) },
    coldPoll: { ...cost(alone(coldPolls)), storeReads: readsAlone(coldPolls) },
    storeWrite: { ...storeWrite, reads },
    look,
    safetyLook,
    delivery: {
      serverUs: beside.deliveryUs,
      received: moving.pollReceived / moving.answers,
      sent: moving.pollSent / moving.answers,
    },
    pair: { ...pair, storeReads: restReads },
    client: {
      ...client,
      storeReads: Math.max(0, joined.storeReads / span - restReads),
      storeWrites: joined.storeWrites / span,
    },
    instance: { ...cost((part) => per(bare, part, standing)), storeReads: bare.storeReads / standing },
    memory: { poll: beside.pollBytes, space: memory.perSpace, item: memory.perItem },
    picture: { blobWrites: drawing.pictures / (drawing.drawn * drawing.seconds) },
  });
}

const SAFETY_BESIDE_ONE = 1 / Math.expm1(2);

/** Differences of noise can be anything: one that is below nothing is small, or nothing. One that is no number is a mistake. */
function atLeastNothing(costs: UnitCosts): Derived {
  const rough: string[] = [];
  const parts = Object.entries(costs).map(([name, group]) => {
    const kept = Object.entries(group as { readonly [part: string]: number }).map(([part, value]) => {
      if (!Number.isFinite(value)) throw new Error(`${name}.${part} came out as ${value}: measure again`);
      if (value < 0) rough.push(`${name}.${part}`);
      return [part, Math.max(0, value)];
    });
    return [name, Object.fromEntries(kept)];
  });
  return { costs: Object.fromEntries(parts) as UnitCosts, rough };
}
