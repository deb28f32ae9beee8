import assert from 'node:assert/strict';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import type { Presence } from '../../src/core/presence/presence.ts';
import { SpaceState } from '../../src/core/space-state.ts';
import { rosterShardOf } from '../../src/model/roster-record.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { N, SPACE } from '../support/engine-fixture.ts';
import { GRACE, LEASE, People } from '../support/people.ts';

/** Long enough for the sweep to find what is due, whose times are coarse. */
const SWEPT = LEASE + GRACE + 25_000;

function watchEmpties(people: People, on = 0): number[] {
  const at: number[] = [];
  people.world.at(on).engine.clients.onEmpty(async () => void at.push(people.world.clock.monotonic()));
  return at;
}

describe('the last client out', () => {
  it('[PR40] the event comes when the last one has left, a lease and the grace later, and once', async () => {
    const people = new People(2);
    const { world } = people;
    const at = [watchEmpties(people, 0), watchEmpties(people, 1)];
    await people.join('ann');
    await people.join('bob');
    await people.leave('ann');
    const bob = world.park({ marker: 'now', clientId: 'bob', wait: 50 });
    await world.pass(SWEPT - 15_000, 500);
    assert.deepEqual(at.flat(), []);
    bob.cancel();
    await people.leave('bob', undefined, { on: 1 });
    const left = world.clock.monotonic();
    await world.pass(2 * SWEPT, 500);
    assert.equal(at.flat().length, 1);
    assert.ok((at.flat()[0] ?? 0) >= left + LEASE + GRACE);
  });

  it('[PR40] it comes again each time', async () => {
    const people = new People();
    const at = watchEmpties(people);
    for (let turn = 1; turn <= 2; turn++) {
      await people.join('ann');
      await people.leave('ann');
      await people.world.pass(SWEPT, 500);
      assert.equal(at.length, turn);
    }
  });

  it('[PR41] it does not come while somebody is here, also when the roster was lost', async () => {
    const people = new People();
    const { world } = people;
    const at = watchEmpties(people);
    await people.join('ann');
    await people.join('bob');
    await people.leave('bob');
    let bob = world.park({ marker: 'now', clientId: 'ann', wait: 50 });
    for (let turn = 0; turn < 4; turn++) {
      await world.evict(/^[rq]\//);
      bob.cancel();
      bob = world.park({ marker: 'now', clientId: 'ann', wait: 50 });
      await world.pass(20_000, 500);
    }
    assert.deepEqual(at, []);
    bob.cancel();
  });

  it('[PR41] somebody who comes while it runs keeps it from being done: it comes again', async () => {
    const people = new People();
    const { world } = people;
    let calls = 0;
    world.at(0).engine.clients.onEmpty(async () => {
      if (calls++ > 0) return;
      const join = world.at(0).engine.clients.join(SPACE, { clientId: 'late' }, { subject: 'anonymous' });
      await join;
    });
    await people.join('ann');
    await people.leave('ann');
    await world.pass(SWEPT, 500);
    assert.equal(calls, 1);
    assert.equal((await world.clientRow('ann'))?.tidied, undefined);
    await people.leave('late');
    await world.pass(SWEPT, 500);
    assert.equal(calls, 2);
    assert.deepEqual([(await world.clientRow('ann'))?.tidied, (await world.clientRow('late'))?.tidied], [true, true]);
  });

  it('[PR42] an instance that dies over it, or whose work fails, leaves it to be done again', async () => {
    const people = new People();
    const { world } = people;
    let failures = 0;
    world.at(0).engine.clients.onEmpty(async () => {
      if (failures++ < 1) throw new Error('the first time it fails');
      world.at(0).kill();
      await new Promise(() => {});
    });
    await people.join('ann');
    await people.leave('ann');
    await world.pass(SWEPT + 30_000, 500);
    assert.equal(failures, 2);
    world.start();
    const at = watchEmpties(people, 1);
    await world.pass(60_000, 500);
    assert.equal(at.length, 1);
  });

  it('[PR43] closed and stored items leave the cache, floor, index and ledger stay, and readers notice nothing', async () => {
    const people = new People();
    const { world } = people;
    await world.ok('small', { set: 1 });
    await world.ok('large', { set: 'x'.repeat(40_000) });
    const { marker } = await people.join('ann');
    await people.leave('ann');
    await world.pass(SWEPT, 500);
    assert.equal(await world.head('small'), undefined);
    assert.deepEqual(await world.keysLike(/^[ib]\//), []);
    assert.ok(await world.record('f/board/'));
    assert.ok(await world.record('x/board/0'));
    assert.ok(await world.record('d/board/0'));
    const changed = await world.ok('small', { set: 2 });
    assert.equal(changed.version, 2);
    const answer = await world.poll({ marker });
    assert.deepEqual(
      [answer.mustReset, answer.items.map(({ id, version }) => `${id} ${version}`)],
      [undefined, ['small 2']],
    );
    const { items } = await world.snapshot();
    assert.deepEqual(items.map(({ version }) => version).sort(), [1, 2]);
  });

  it('[PR43] an item that is moved on stays in the cache until it is closed', async () => {
    const people = new People();
    const { world } = people;
    await people.join('ann');
    await people.leave('ann');
    for (let moved = 0; moved < SWEPT; moved += N) {
      await world.ok('moved', { set: moved });
      await world.pass(N, 500);
    }
    assert.ok(await world.head('moved'));
    await world.pass(8 * N, 500);
    assert.equal(await world.head('moved'), undefined);
  });

  it('[PR44] the row of a client that left is forgotten after its time', async () => {
    const settings = { ...DEFAULT_SETTINGS, clientKeepMs: 120_000 };
    const people = new People(1, { settings: { known: () => settings, load: async () => settings } });
    await people.join('ann');
    await people.leave('ann');
    await people.world.pass(100_000, 500);
    assert.ok(await people.world.clientRow('ann'));
    await people.world.pass(50_000, 500);
    assert.equal(await people.world.clientRow('ann'), undefined);
  });
});

describe('clients: what locks need of them', () => {
  const name = { subject: 'anonymous', client: 'ann' };
  const presence = (people: People, on = 0) => people.world.at(on).engine.clients as Presence;

  it('[PR50] holds are counted from the record, also when two instances race', async () => {
    const people = new People(2);
    const { world } = people;
    assert.equal(await world.run(presence(people).hold(new SpaceState(SPACE), name, 'a', 'g', 4)), 'notJoined');
    await people.join('ann');
    const hold = (item: string, on: number) =>
      presence(people, on).hold(new SpaceState(SPACE), name, item, `g-${item}`, 4);
    const outcomes = await world.run(Promise.all(Array.from({ length: 10 }, (_, i) => hold(`i${i}`, i % 2))));
    assert.equal(outcomes.filter((each) => each === 'held').length, 4);
    assert.equal(outcomes.filter((each) => each === 'tooMany').length, 6);
    const entry = await people.entry('ann');
    assert.deepEqual(
      Object.keys((await world.clientRow('ann'))?.held ?? {}).sort(),
      Object.keys(entry?.held ?? {}).sort(),
    );
    const [item = ''] = Object.keys(entry?.held ?? {});
    assert.equal(await world.run(hold(item, 0)), 'held');
    await world.run(presence(people).drop(new SpaceState(SPACE), name, item, 'another grant'));
    assert.equal(Object.keys((await people.entry('ann'))?.held ?? {}).length, 4);
    await world.run(presence(people, 1).drop(new SpaceState(SPACE), name, item, `g-${item}`));
    assert.equal(await world.run(hold('new', 1)), 'held');
    assert.equal(
      await world.run(presence(people).hold(new SpaceState(SPACE), { ...name, subject: 's2' }, 'a', 'g', 4)),
      'notJoined',
    );
  });

  it('[PR51] what a client holds is freed before it is gone for others, when it leaves and when it lapses', async () => {
    const freed: string[] = [];
    const people: People = new People(1, {
      locks: {
        release: async (space, { client }, held) => {
          freed.push(
            `${client} ${Object.entries(held).flat().join(' ')} ${(await people.entry(client)) ? 'here' : 'gone'}`,
          );
          assert.equal(space.id, SPACE);
        },
      },
    });
    const { world } = people;
    await people.join('ann');
    await world.run(presence(people).hold(new SpaceState(SPACE), name, 'a', 'g1', 4));
    await people.leave('ann');
    await people.join('bob');
    await world.run(presence(people).hold(new SpaceState(SPACE), { ...name, client: 'bob' }, 'b', 'g2', 4));
    await world.pass(LEASE + GRACE + 12_000, 250);
    assert.deepEqual(freed, ['ann a g1 here', 'bob b g2 here']);
    assert.deepEqual((await world.clientRow('bob'))?.held, {});
  });

  it('[PR51] a failure to free keeps the client’s row to be looked at, and the sweep goes on with it', async () => {
    let fails = true;
    const freed: string[] = [];
    const people = new People(1, {
      locks: {
        release: async (_space, { client }) => {
          if (fails) throw new Error('the lock would not go');
          void freed.push(client);
        },
      },
    });
    const { world } = people;
    await people.join('ann');
    await world.run(presence(people).hold(new SpaceState(SPACE), name, 'a', 'g1', 4));
    await assert.rejects(people.leave('ann'));
    fails = false;
    await world.pass(SWEPT, 500);
    assert.ok(freed.length > 0);
    assert.equal(await people.entry('ann'), undefined);
  });

  it('[PR52] what a client holds survives the loss of the roster, and a later generation keeps it', async () => {
    const people = new People();
    const { world } = people;
    const { marker } = await people.join('ann');
    await world.run(presence(people).hold(new SpaceState(SPACE), name, 'a', 'g1', 4));
    await world.evict(/^r\//);
    await people.stay('ann', 12_000, { marker });
    assert.deepEqual((await people.entry('ann'))?.held, { a: 'g1' });
    await people.join('ann');
    assert.deepEqual((await people.entry('ann'))?.held, { a: 'g1' });
  });
});

describe('clients: bounds', () => {
  it('[PR53] a space has room for 2,000 clients; one that is here may join again', async () => {
    const people = new People();
    for (let i = 0; i < 2_000; i++) await people.join(`c${i}`);
    const full = (error: unknown) => error instanceof ProblemError && error.problem.code === 'overloaded';
    await assert.rejects(people.join('one-more'), full);
    assert.equal((await people.join('c7')).generation, 2);
    await people.leave('c8');
    await people.join('one-more');
  }).timeout(60_000);

  it('[PR53] clients whose ids all fall into one record are refused before the record is too large', async () => {
    const people = new People();
    const ids = Array.from({ length: 8_000 }, (_, i) => `c${i}`).filter((id) => rosterShardOf(id) === 0);
    const data = 'x'.repeat(1_000);
    let refused = 0;
    for (const id of ids) {
      await people.join(id, { data }).catch((error) => {
        assert.ok(error instanceof ProblemError && error.problem.code === 'overloaded');
        refused++;
      });
      if (refused > 2) break;
    }
    assert.ok(refused > 2);
    await people.leave(ids[0] ?? '');
    await people.patch(ids[1] ?? '', 'short');
  }).timeout(60_000);
});
