import type { Raw, Seen } from './measure.ts';

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
  /** What the first post and the first poll of a space cost at an instance that has not heard of it for ten seconds; a post on top of any other. */
  readonly coldPost: Cost & { readonly storeReads: number };
  readonly coldPoll: Cost & { readonly storeReads: number };
  /** One row of an item written to the store; the reads are those of its transaction. */
  readonly storeWrite: Cost & { readonly reads: number };
  /** One reading of a space for whoever waits at one instance. */
  readonly look: Cost;
  /** One answer, and the request that follows it. */
  readonly delivery: { readonly serverUs: number; readonly received: number; readonly sent: number };
  /** One space that is waited for at one instance, per second: hints looked at, settings read again. */
  readonly pair: Cost & { readonly storeReads: number };
  /** One client that joined, per second. */
  readonly client: Cost & { readonly storeReads: number; readonly storeWrites: number };
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

/**
 * Unit costs from runs that differ in one thing each. Durable posts differ from others by their store writes. Polls that wait cost a look every 2 s and
 * what a watched space costs by itself; where there are posts as well, there are more looks, and answers.
 */
export function deriveCosts(
  { rest, joined, posts, durable, moving, coldPosts, coldPolls, drawing, memory }: Raw,
  beside: Beside,
): UnitCosts {
  const per = (seen: Seen, part: keyof Cost, of: number) => seen[part] / of;
  const [written, kept] = [durable.storeWrites / durable.posts, posts.storeWrites / posts.posts];
  const storeWrite = cost(
    (part) => (per(durable, part, durable.posts) - per(posts, part, posts.posts)) / (written - kept),
  );
  const post = cost((part) => per(posts, part, posts.posts) - kept * storeWrite[part]);

  const [restSpan, movingSpan] = [rest.pairs * rest.seconds, moving.pairs * moving.seconds];
  const [restLooks, movingLooks] = [rest.looks / restSpan, moving.looks / movingSpan];
  const waited = (part: keyof Cost): number => {
    const told = part === 'serverUs' ? moving.answers * beside.deliveryUs : 0;
    return (moving[part] - moving.posts * post[part] - moving.storeWrites * storeWrite[part] - told) / movingSpan;
  };
  const look = cost((part) => (waited(part) - per(rest, part, restSpan)) / (movingLooks - restLooks));
  const pair = cost((part) => per(rest, part, restSpan) - restLooks * look[part]);

  const reads = durable.storeReads / durable.storeWrites;
  const alone = (seen: Seen) => (part: keyof Cost) => (seen[part] - seen.storeWrites * storeWrite[part]) / seen.posts;
  const readsAlone = (seen: Seen) => Math.max(0, seen.storeReads - seen.storeWrites * reads) / seen.posts;
  const coldPost = cost((part) => alone(coldPosts)(part) - post[part]);
  const coldPoll = cost(alone(coldPolls));

  const span = joined.clients * joined.seconds;
  const client = cost((part) => per(joined, part, span) - per(rest, part, restSpan) * (joined.pairs / joined.clients));
  const restReads = rest.storeReads / restSpan;
  return checked({
    post: { ...post, received: posts.postReceived / posts.posts, sent: posts.postSent / posts.posts },
    coldPost: { ...coldPost, storeReads: readsAlone(coldPosts) },
    coldPoll: { ...coldPoll, storeReads: readsAlone(coldPolls) },
    storeWrite: { ...storeWrite, reads },
    look,
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
    memory: { poll: beside.pollBytes, space: memory.perSpace, item: memory.perItem },
    picture: { blobWrites: drawing.pictures / (drawing.drawn * drawing.seconds) },
  });
}

/** Differences of noise can be anything: better no figures than such. */
function checked(costs: UnitCosts): UnitCosts {
  for (const [name, parts] of Object.entries(costs)) {
    for (const [part, value] of Object.entries(parts)) {
      if (!Number.isFinite(value) || value < 0) {
        throw new Error(`${name}.${part} came out as ${value}: too much else was going on here, measure again`);
      }
    }
  }
  return costs;
}
