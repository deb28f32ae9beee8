import assert from 'node:assert/strict';
import { deriveCosts } from '../../bench/costs/derive.ts';
import type { Raw, Seen } from '../../bench/costs/measure.ts';

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

/** A look 100, a pair 40 a second, a post 80, a row 300, a delivery 30, a member 20 a second, a cold post 150 more and a cold poll 200 by CPU of the instances. */
const RAW: Raw = {
  // 10 s of 4 pairs, each looked at every 2 s: 4 × 10 × (40 + 0.5 × 100)
  rest: { ...NOTHING, pairs: 4, looks: 20, serverUs: 3_600, storeReads: 5 },
  // the same and 20 a second for each of 4 members
  joined: { ...NOTHING, pairs: 4, clients: 4, looks: 20, serverUs: 4_400, storeReads: 7, storeWrites: 2 },
  posts: { ...NOTHING, posts: 100, storeWrites: 10, serverUs: 8_000 + 3_000, postReceived: 25_000, postSent: 40_000 },
  durable: { ...NOTHING, posts: 100, storeWrites: 100, storeReads: 150, serverUs: 8_000 + 30_000 },
  // 40 posts, 5 rows, 60 looks, 40 answers, 40 s of pairs
  moving: {
    ...NOTHING,
    posts: 40,
    storeWrites: 5,
    pairs: 4,
    looks: 60,
    answers: 40,
    serverUs: 3_200 + 1_500 + 6_000 + 1_200 + 1_600,
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
    const costs = deriveCosts(RAW, { deliveryUs: 30, pollBytes: 20_000 });
    const close = (value: number, wanted: number) =>
      assert.ok(Math.abs(value - wanted) < 1e-6, `${value}, not ${wanted}`);
    close(costs.storeWrite.serverUs, 300);
    close(costs.post.serverUs, 80);
    close(costs.look.serverUs, 100);
    close(costs.pair.serverUs, 40);
    close(costs.client.serverUs, 20);
    close(costs.coldPost.serverUs, 150);
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

  it('[CP1] a cost below nothing is refused, and says which', () => {
    const noisy = { ...RAW, durable: { ...RAW.durable, serverUs: 5_000 } };
    assert.throws(
      () => deriveCosts(noisy, { deliveryUs: 30, pollBytes: 20_000 }),
      /storeWrite\.serverUs .* measure again/,
    );
    assert.throws(() => deriveCosts(RAW, { deliveryUs: Number.NaN, pollBytes: 20_000 }), /measure again/);
  });
});
