import assert from 'node:assert/strict';
import { deriveCosts } from '../../bench/costs/derive.ts';
import type { Raw, Seen } from '../../bench/costs/raw.ts';

const NOTHING: Seen = {
  seconds: 10,
  serverUs: 0,
  cacheUs: 0,
  cacheCalls: 0,
  cacheBytes: 0,
  storeReads: 0,
  storeWrites: 0,
  looks: 0,
  casConflicts: 0,
  pictures: 0,
  posts: 0,
  postReceived: 0,
  postSent: 0,
  answers: 0,
  pollReceived: 0,
  pollSent: 0,
  pairs: 0,
  clients: 0,
  drawn: 0,
};

/** Looks for safety within 40 seconds of pairs that are told once a second. */
const SAFETY = 40 / Math.expm1(2);

/** CPU of the instances: a look with news 120, one without 100, a pair 40 a second, a post 80, a row 300, a delivery 30, a member 20 a second, a cold post 230, a cold poll 200. */
const RAW: Raw = {
  bare: NOTHING,
  // 40 seconds of pairs
  watched: { ...NOTHING, pairs: 4, serverUs: 1_600 },
  // the same and a look every 2 s
  rest: { ...NOTHING, pairs: 4, looks: 20, serverUs: 3_600, storeReads: 5 },
  // the same and 20 a second for each of 4 members
  joined: { ...NOTHING, pairs: 4, clients: 4, looks: 20, serverUs: 4_400, storeReads: 7, storeWrites: 2 },
  posts: { ...NOTHING, posts: 100, serverUs: 8_000, postReceived: 25_000, postSent: 40_000 },
  stored: { ...NOTHING, posts: 100, storeWrites: 50, storeReads: 75, serverUs: 8_000 + 15_000 },
  // 40 posts, 5 rows, 50 looks with news, 40 answers
  moving: {
    ...NOTHING,
    posts: 40,
    storeWrites: 5,
    pairs: 4,
    looks: 50 + SAFETY,
    answers: 40,
    serverUs: 3_200 + 1_500 + 1_600 + 6_000 + 100 * SAFETY + 1_200,
    pollReceived: 28_000,
    pollSent: 12_000,
  },
  coldPosts: { ...NOTHING, posts: 10, storeWrites: 2, serverUs: 10 * 230 + 600, storeReads: 13 },
  coldPolls: { ...NOTHING, posts: 10, serverUs: 2_000, storeReads: 10 },
  drawing: { ...NOTHING, seconds: 60, drawn: 10, pictures: 20 },
  memory: { perSpace: 3_000, perItem: 1_000 },
};

describe('unit costs', () => {
  it('[CP1] each cost is what runs differ by that differ in one thing', () => {
    const { costs, rough } = deriveCosts(RAW, { deliveryUs: 30, pollBytes: 20_000 });
    assert.deepEqual(rough, []);
    const close = (value: number, wanted: number) =>
      assert.ok(Math.abs(value - wanted) < 1e-6, `${value}, not ${wanted}`);
    close(costs.storeWrite.serverUs, 300);
    close(costs.post.serverUs, 80);
    close(costs.look.serverUs, 120);
    close(costs.safetyLook.serverUs, 100);
    close(costs.pair.serverUs, 40);
    close(costs.client.serverUs, 20);
    close(costs.coldPost.serverUs, 230);
    close(costs.coldPoll.serverUs, 200);
    close(costs.storeWrite.reads, 1.5);
    close(costs.pair.storeReads, 5 / 40);
    close(costs.client.storeWrites, 2 / 40);
    close(costs.client.storeReads, 2 / 40);
    close(costs.coldPost.storeReads, 1);
    close(costs.delivery.received, 700);
    close(costs.post.sent, 400);
    close(costs.picture.blobWrites, 1 / 30);
  });

  it('[CP1] what instances do in any case is a cost of theirs, and of nothing else', () => {
    const idle = { serverUs: 500, cacheUs: 20, cacheCalls: 10, cacheBytes: 1_000, storeReads: 4, storeWrites: 0 };
    const more = (seen: Seen): Seen => {
      const times = seen.seconds / NOTHING.seconds;
      const added = Object.entries(idle).map(([part, value]) => [part, seen[part as keyof Seen] + times * value]);
      return { ...seen, ...Object.fromEntries(added) };
    };
    const { memory, ...runs } = RAW;
    const busy = Object.fromEntries(Object.entries(runs).map(([name, seen]) => [name, more(seen)]));
    const beside = { deliveryUs: 30, pollBytes: 20_000 };
    const { costs } = deriveCosts({ ...busy, memory } as Raw, beside);
    const { costs: others } = deriveCosts(RAW, beside);
    assert.deepEqual(costs.instance, { serverUs: 25, cacheUs: 1, cacheCalls: 0.5, cacheBytes: 50, storeReads: 0.2 });
    for (const name of ['post', 'look', 'pair', 'client', 'storeWrite', 'coldPost', 'coldPoll'] as const)
      assert.ok(Math.abs(costs[name].serverUs - others[name].serverUs) < 1e-6, name);
    assert.ok(Math.abs(costs.pair.storeReads - others.pair.storeReads) < 1e-9);
  });

  it('[CP1] a cost below nothing is 0 and named, one that is no number refused', () => {
    const noisy = { ...RAW, stored: { ...RAW.stored, serverUs: 5_000 } };
    const { costs, rough } = deriveCosts(noisy, { deliveryUs: 30, pollBytes: 20_000 });
    assert.deepEqual([costs.storeWrite.serverUs, rough], [0, ['storeWrite.serverUs']]);
    assert.throws(() => deriveCosts(RAW, { deliveryUs: Number.NaN, pollBytes: 20_000 }), /measure again/);
  });
});
