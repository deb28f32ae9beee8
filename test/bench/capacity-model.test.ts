import assert from 'node:assert/strict';
import { billFor, egressFor, pubsubBytes } from '../../bench/capacity/bill.ts';
import { breaksFirst, digits, largest, limitsOf, rampMinutes } from '../../bench/capacity/limits.ts';
import { binding, planFor, trafficOf } from '../../bench/capacity/model.ts';
import { DEFAULTS } from '../../bench/capacity/options.ts';
import { PLATFORMS } from '../../bench/capacity/platform.ts';
import { PRICES, withPrices } from '../../bench/capacity/prices.ts';
import {
  answersPerClient,
  conflictShare,
  instancesPerSpace,
  safetyLooksPerPair,
  strangeShare,
  toldLooksPerPair,
  watchedPairs,
  writesPerUpdate,
} from '../../bench/capacity/traffic.ts';
import { COSTS } from './sample-costs.ts';

function close(value: number, wanted: number, share = 1e-3): void {
  assert.ok(Math.abs(value - wanted) <= share * Math.abs(wanted), `${value}, not ${wanted}`);
}

/** A million clients, each alone in a space, and nobody does anything. */
const STILL = { ...DEFAULTS, clients: 1e6, rate: 0, perSpace: 1, itemsPerSpace: 1, joined: 0, drawing: 0 };
const MANY = 1e9;

describe('how often things happen', () => {
  it('[CP6] two clients at any of two instances are at one and a half', () => {
    assert.equal(instancesPerSpace(2, 2), 1.5);
    assert.equal(instancesPerSpace(1, 5), 1);
    close(instancesPerSpace(MANY, 10), 10);
  });

  it('[CP6] what comes while a client is away or before the next look is in one answer', () => {
    close(answersPerClient(10, 1, 0.1), 7.311); // 1 / (0.1 + e^-1 / 10)
    close(answersPerClient(10, MANY, 0.05), 6.321); // (1 - e^-1) / 0.1
    close(answersPerClient(10, MANY, 0.15), 4.517); // 1 / (0.2 + e^-2 0.1 / 0.632)
    close(answersPerClient(0.001, MANY, 0.05), 0.001);
    assert.equal(answersPerClient(0, 3, 0.05), 0);
  });

  it('[CP6] a space where nothing happens is looked at every two seconds', () => {
    assert.equal(safetyLooksPerPair(0), 0.5);
    close(safetyLooksPerPair(1), 0.1565); // 1 / (e^2 - 1)
    close(safetyLooksPerPair(0.0001), 0.5);
  });

  it('[CP6] one look tells all who wait, and whoever was away when the news came has one of its own', () => {
    const looks = { u: 10, instances: MANY, here: 1, answers: 6.321, roundTrip: 0.05 };
    close(toldLooksPerPair(looks), 6.321); // each look at the pulse with news in it
    close(toldLooksPerPair({ ...looks, here: 100 }), 6.321);
    // All at one instance: 10 changes a second, and of 10 clients with 7 answers each the share 1 - e^-0.5 was away
    close(toldLooksPerPair({ ...looks, instances: 1, here: 10, answers: 7 }), 10 + 70 * 0.3935);
    close(toldLooksPerPair({ ...looks, instances: 1, answers: 7 }), 7); // never more than answers
    assert.equal(toldLooksPerPair({ ...looks, u: 0, answers: 0 }), 0);
  });

  it('[CP6] an update now and then takes three rows, twenty a second one in a hundred', () => {
    close(writesPerUpdate(1e-9, 5), 3 + 1 / 1024);
    close(writesPerUpdate(20, 5), 1 / 101 + 1 / 1024);
    close(writesPerUpdate(0.2, 5), 0.8393); // 3 e^-2 + (1 - e^-2) / 2 + 1 / 1024
  });

  it('[CP6] strangers, watched spaces and lost turns', () => {
    close(strangeShare(1, 60), Math.exp(-1));
    close(watchedPairs(1, 1, 60), 37.93); // 60 (1 - e^-1)
    assert.equal(watchedPairs(5, 0, 60), 0);
    close(conflictShare(100, 0.005), 0.3935); // 1 - e^-0.5
  });

  it('[CP6] in a second, everything is what there is of it times what one of it costs', () => {
    const load = { ...STILL, clients: 100, rate: 1, joined: 0.5, drawing: 0.3 };
    const { posts, storeWrites, storeReads, blobWrites, answers, looks, pairs, serverUs, egressBytes } = trafficOf(
      load,
      COSTS,
      MANY,
      { sticky: true },
    );
    const told = answersPerClient(1, MANY, 0.05) * 100;
    const rows = 100 * writesPerUpdate(1, 5);
    close(posts, 100);
    close(answers, told);
    close(pairs, 100);
    close(looks, told + 100 * safetyLooksPerPair(told / 100));
    close(storeWrites, rows + 50 / 60);
    close(storeReads, rows + 100 + 100 * 0.125 + 50 / 60);
    close(blobWrites, 1);
    close(serverUs, 100 * 230 + rows * 300 + looks * 100 + 100 * 40 + 50 * 20 + told * 30);
    close(egressBytes, 100 * 250 + told * 700);
  });
});

describe('what it takes', () => {
  it('[CP7] the instances that CPU asks for, the nodes that CPU asks for', () => {
    // 500,000 looks of 100 µs and 1,000,000 pairs of 40: 90 s a second, at most 0.6 of a core each
    const plan = planFor(STILL, COSTS, PLATFORMS.vm);
    assert.equal(plan.instances, 150);
    assert.deepEqual(
      plan.instancesBy.map(({ by, count }) => [by, count]),
      [
        ['CPU', 150],
        ['waiting polls', 63],
        ['memory', 8],
        ['two at least', 2],
      ],
    );
    // 9 s of memcached a second, at most 4 of 8 cores; 1.1 GB a second, at most 1; 4 GB, at most 22.4
    assert.deepEqual(
      plan.nodesBy.map(({ by, count }) => [by, count]),
      [
        ['CPU', 3],
        ['bytes/s', 2],
        ['memory', 1],
        ['one at least', 1],
      ],
    );
    assert.equal(plan.nodes, 3);
    assert.equal(binding(plan.instancesBy), 'CPU');
    close(plan.instanceBusy, 0.6);
    close(plan.pulsePerSecond, 1e7);
  });

  it('[CP7] where polls take slots and go to any instance, the slots ask for more, and spaces are watched where nobody waits', () => {
    const plan = planFor(STILL, COSTS, PLATFORMS['app-engine']);
    assert.equal(plan.instances, 1_250);
    assert.equal(binding(plan.instancesBy), 'waiting polls');
    close(plan.traffic.watched, 2.524e6); // each space had 60 / 23.75 polls within a minute
    close(plan.traffic.strangePolls, 41_987);
  });

  it('[CP7] memory binds where polls are large, bytes where records are', () => {
    const large = { ...COSTS, memory: { ...COSTS.memory, poll: 2e6 } };
    assert.equal(binding(planFor(STILL, large, PLATFORMS.vm).instancesBy), 'memory');
    const heavy = { ...COSTS, safetyLook: { ...COSTS.look, cacheBytes: 50_000 } };
    assert.equal(binding(planFor(STILL, heavy, PLATFORMS.vm).nodesBy), 'bytes/s');
    const full = { ...COSTS, memory: { ...COSTS.memory, space: 1e6 } };
    assert.equal(binding(planFor(STILL, full, PLATFORMS.vm).nodesBy), 'memory');
  });

  it('[CP7] more clients never take less, and a fleet that is planned is enough', () => {
    let before = 0;
    for (const clients of [1e3, 1e4, 1e5, 1e6, 1e7]) {
      const plan = planFor({ ...DEFAULTS, clients }, COSTS, PLATFORMS.vm);
      assert.ok(plan.instances >= before && plan.instanceBusy <= 0.6 && plan.nodeBusy <= 0.5);
      before = plan.instances;
    }
  });
});

describe('what it costs', () => {
  it('[CP8] an hour of it', () => {
    const bill = billFor(planFor(STILL, COSTS, PLATFORMS.vm), PRICES);
    close(bill.instances, 150 * 0.0335);
    close(bill.memcached, 3 * (8 * 0.05 + 32 * 0.009));
    close(bill.datastoreReads, 135); // 125,000 a second, 0.03 per 100,000
    assert.equal(bill.datastoreWrites + bill.storage + bill.egress, 0);
    close(bill.total, 135 + 5.025 + 2.064);
    assert.equal(largest(bill), 'datastoreReads');
  });

  it('[CP8] egress by its steps', () => {
    close(egressFor(2 ** 30 / (3_600 * 730), PRICES) * 730, 0.12); // one GiB a month
    close(egressFor(2 ** 30, PRICES), 288.4); // 2,628,000 GiB: (122.88 + 1,013.76 + 209,420.8) / 730
  });

  it('[CP8] five busy instances on Pub/Sub cost 57 USD a month, as docs/operations.md says', () => {
    assert.equal(pubsubBytes(100, 5), 600_000);
    close((pubsubBytes(100, 5) * 3_600 * 730 * 40) / 2 ** 40, 57.4);
    assert.equal(pubsubBytes(0, 5), 0);
    assert.equal(pubsubBytes(20_000, 1), 20 * 60_000 * 2); // a thousand names in each request
  });

  it('[CP9] other prices are taken by name, what is no price is refused', () => {
    assert.equal(withPrices({ vmHour: 1 }).vmHour, 1);
    assert.equal(withPrices({}).datastoreReads, PRICES.datastoreReads);
    for (const wrong of [{ vmHours: 1 }, { vmHour: '1' }, { vmHour: -1 }, { toString: 1 }, [], null]) {
      assert.throws(() => withPrices(wrong));
    }
  });
});

describe('what breaks first', () => {
  it('[CP10] the limit that is used most, with what replaces it', () => {
    const engine = planFor(STILL, COSTS, PLATFORMS['app-engine']);
    assert.match(
      breaksFirst(engine),
      /^instances without a raised quota: over by a factor of 63; instead: a higher quota/,
    );
    const shares = limitsOf(engine).map(({ used, limit }) => used / limit);
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => b - a),
    );
    const hot = planFor(
      { ...DEFAULTS, clients: 1e4, perSpace: 1_000, itemsPerSpace: 1, rate: 1 }, // a fifth of 45 a second is lost
      COSTS,
      PLATFORMS.vm,
    );
    assert.match(breaksFirst(hot), /^updates of one item per second: over by a factor of 22;/);
  });

  it('[CP10] Datastore grows by half every five minutes from 500 operations a second', () => {
    assert.equal(rampMinutes(400), 0);
    close(rampMinutes(750), 5);
    close(rampMinutes(1_125), 10);
  });

  it('[CP10] figures are shown with two digits that mean something', () => {
    assert.deepEqual([0, 0.0012345, 0.25, 17.3, 123_456].map(digits), ['0', '0.0012', '0.25', '17', '120,000']);
  });
});
