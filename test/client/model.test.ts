import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import type { Outcome } from '../../src/client/connect.ts';
import type { Fate } from './lossy-transport.ts';
import { WELL } from './lossy-transport.ts';
import { shown, World } from './world.ts';

const CLIENTS = 3;
const ITEMS = ['log1', 'log2', 'card1', 'card2'] as const;
/** More for a long search. */
const RUNS = Number(process.env.MODEL_RUNS ?? 100);

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(WELL) },
  { weight: 1, arbitrary: fc.constant<Fate>({ kind: 'lostRequest' }) },
  { weight: 1, arbitrary: fc.constant<Fate>({ kind: 'lostAnswer' }) },
  { weight: 1, arbitrary: fc.nat(2_000).map<Fate>((laterMs) => ({ kind: 'twice', laterMs })) },
  {
    weight: 1,
    arbitrary: fc.nat(500).map<Fate>((ms) => ({ kind: 'refused', status: 503, code: 'overloaded', retryAfterMs: ms })),
  },
);

const client = fc.nat(CLIENTS - 1);
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant('add' as const), client, item: fc.constantFrom('log1', 'log2') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('merge' as const), client, item: fc.constantFrom('card1', 'card2') }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('down' as const, 'up' as const), client }) },
  { weight: 1, arbitrary: fc.constant({ what: 'persist' as const }) },
  { weight: 1, arbitrary: fc.constant({ what: 'lose' as const }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('evict' as const), item: fc.constantFrom(...ITEMS) }) },
);

const plan = fc.record({
  steps: fc.array(fc.tuple(happening, fc.nat(120)), { minLength: 5, maxLength: 40 }),
  fates: fc.array(fate, { minLength: 1, maxLength: 30 }),
  delays: fc.array(fc.nat(40), { minLength: 1, maxLength: 10 }),
});

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;
type Sent = { readonly item: string; readonly name: string; outcome: Outcome | undefined };

/** Runs the plan, then gives everybody good weather until all is said. */
async function play({
  steps,
  fates,
  delays,
}: Plan): Promise<{ readonly world: World; readonly sent: readonly Sent[] }> {
  const world = new World();
  let [drawn, waited] = [0, 0];
  const joiners = Array.from({ length: CLIENTS }, () =>
    world.client({}, (net) => {
      net.fate = () => fates[drawn++ % fates.length] ?? WELL;
      net.delay = () => delays[waited++ % delays.length] ?? 0;
    }),
  );
  const sent: Sent[] = [];
  for (const [i, [step, pauseMs]] of steps.entries()) {
    if (step.what === 'lose') world.server.lose();
    else if (step.what === 'evict') world.server.evict(step.item);
    else if (step.what === 'persist') world.server.persist();
    else if (step.what === 'add' || step.what === 'merge') {
      const entry: Sent = { item: step.item, name: `op${i}`, outcome: undefined };
      const space = joiners[step.client]?.space;
      const kind = step.what === 'add' ? 'journal' : undefined;
      const op: Json = step.what === 'add' ? { add: entry.name } : { merge: { [entry.name]: 1 } };
      void space
        ?.item(step.item, kind)
        .post(op)
        .then((outcome) => {
          entry.outcome = outcome;
        });
      sent.push(entry);
    } else {
      const net = joiners[step.client]?.net;
      if (net) net.down = step.what === 'down';
    }
    await world.pass(pauseMs, 20);
  }
  for (const { net } of joiners) {
    net.down = false;
    net.fate = () => WELL;
  }
  await world.until(() => sent.every(({ outcome }) => outcome !== undefined), 'all is answered');
  await world.pass(45_000, 500); // every poll ends, every restoring is over
  return { world, sent };
}

function checkConverged(world: World): void {
  for (const item of ITEMS) {
    for (const { space } of world.joiners) {
      assert.deepEqual(shown(space, item), world.server.value(item), item);
      assert.deepEqual(space.item(item).confirmed, world.server.value(item), item);
      assert.equal(space.status, 'live');
    }
  }
}

function checkEach(world: World, sent: readonly Sent[], items: RegExp): void {
  for (const { item, name, outcome } of sent) {
    if (!items.test(item)) continue;
    const value = world.server.value(item) ?? [];
    const names = Array.isArray(value) ? value : Object.keys(value);
    const times = names.filter((one) => one === name).length;
    assert.equal(outcome?.result, 'ok');
    assert.equal(times, 1, `${name} of ${item} is there ${times} times`);
  }
}

describe('several clients on a bad network', function () {
  this.timeout(120_000 + RUNS * 100);

  it('[SDK40] end with the same state, in which every acknowledged update is, once', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const steps = one.steps.filter(([step]) => step.what !== 'lose' && step.what !== 'evict');
        const { world, sent } = await play({ ...one, steps });
        checkConverged(world);
        checkEach(world, sent, /./);
        world.close();
      }),
      { numRuns: RUNS },
    );
  });

  it('[SDK41] lose none and apply none twice however often the cache is lost, whole or in part, of kinds whose updates add up', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { world, sent } = await play(one);
        checkConverged(world);
        checkEach(world, sent, /^log/);
        world.close();
      }),
      { numRuns: RUNS },
    );
  });
});
