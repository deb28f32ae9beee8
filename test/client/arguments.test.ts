import assert from 'node:assert/strict';
import type { Json } from '../../src/base/json.ts';
import { type ConnectOptions, connect, RefusedError, register, type Space } from '../../src/client/connect.ts';
import { set } from '../../src/client/set.ts';
import { SPACE, TransportWorld, until } from '../support/transport-world.ts';
import { World } from './world.ts';

const TOO_LONG = { text: 'x'.repeat(1_100) };

function nested(depth: number): Json {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}

describe('what a program gives the library by mistake', function () {
  this.timeout(60_000);
  let world: TransportWorld;
  const spaces: Space[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
  });
  afterEach(async () => {
    for (const space of spaces.splice(0)) space.close();
    await world.stop();
  });

  function open(options: Partial<ConnectOptions>): { readonly space: Space; readonly errors: unknown[] } {
    const url = `http://127.0.0.1:${world.port}`;
    const space = connect({ url, space: SPACE, kinds: [register, set], ...options });
    spaces.push(space);
    const errors: unknown[] = [];
    space.on('error', (error) => errors.push(error));
    return { space, errors };
  }

  it('[SDK102] what it says of itself before the first join and is not taken is told, and not said', async () => {
    const { space, errors } = open({ name: 'ann', data: { cursor: 1 } });
    space.say(TOO_LONG);
    await space.ready();
    assert.deepEqual(
      space.clients.map(({ name, data }) => [name, data]),
      [['ann', { cursor: 1 }]],
    );
    assert(errors.length === 1 && errors[0] instanceof RefusedError, String(errors));
    space.say({ cursor: 2 });
    await until(() => JSON.stringify(space.clients[0]?.data) === '{"cursor":2}');
    assert.equal(space.failure, undefined);
  });

  it('[SDK102] data or a name that it is connected with and is not taken is left out, and nothing else', async () => {
    const long = 'x'.repeat(200);
    const cases: [Partial<ConnectOptions>, string | undefined, unknown][] = [
      [{ name: 'ann', data: TOO_LONG }, 'ann', undefined],
      [{ name: long, data: 1 }, undefined, 1],
      [{ name: long, data: TOO_LONG }, undefined, undefined],
      [{ data: nested(40) }, undefined, undefined],
    ];
    for (const [given, name, data] of cases) {
      const { space, errors } = open(given);
      await space.ready();
      const me = space.clients.find(({ id }) => id === space.clientId);
      assert.deepEqual([me?.name, me?.data, errors.length], [name, data, 1]);
      space.close();
    }
  });

  it('[SDK111] with `join: false` it follows and changes the space, and is not among those who are here', async () => {
    const { space: ann } = open({ name: 'ann' });
    for (const transport of ['websocket', 'sse', 'longPoll', 'poll'] as const) {
      const { space, errors } = open({ join: false, transport });
      await Promise.all([ann.ready(), space.ready()]);
      const mine = await space.item(`from-${transport}`).set(1);
      const theirs = await ann.item(`to-${transport}`).set(2);
      assert.deepEqual([mine.result, theirs.result], ['ok', 'ok']);
      await until(() => space.item(`to-${transport}`).confirmed === 2 && ann.item(`from-${transport}`).confirmed === 1);
      assert.deepEqual(
        ann.clients.map(({ name }) => name),
        ['ann'],
      );
      assert.deepEqual(errors, []);
      space.close();
    }
  });

  it('[SDK102] what cannot be said as JSON is refused where it is given', async () => {
    const { space, errors } = open({});
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const worse = [nested(102), nested(5_000), nested(500_000)];
    for (const bad of [...worse, circle, 1n, { toJSON: () => assert.fail('not this way') }]) {
      assert.throws(() => space.say(bad));
      assert.throws(() => space.item('card').post(undefined as unknown as Json));
      assert.throws(() => space.item('card').set(bad as unknown as Json));
      if (typeof bad === 'bigint')
        assert.throws(() => space.item('card').set(1, { ifVersion: bad as unknown as number }));
      assert.throws(() => open({ data: bad }));
    }
    await space.ready();
    assert.deepEqual([errors, (await space.item('card').set(1)).result], [[], 'ok']);
  });

  it('[SDK102] what is changed in data after it was said changes nothing of what others see', async () => {
    const { space } = open({});
    const said = { cursor: 1 };
    space.say(said);
    said.cursor = 2;
    await space.ready();
    await until(() => space.clients[0]?.data !== undefined);
    assert.deepEqual(space.clients[0]?.data, { cursor: 1 });
  });

  const proto = JSON.parse('{"__proto__": 1}') as Json;
  const ops: readonly unknown[] = [
    ...[null, 1, 'text', [], {}, [[]], { set: 1, merge: 2 }, { delete: 1 }, { nonsense: true }],
    ...[
      { ops: 'add' },
      { ops: [1] },
      { ops: [null, ['add']] },
      { ops: [['add', 'a', 'late']] },
      { merge: { adds: 7 } },
    ],
    ...[{ set: proto }, { set: nested(40) }, { set: nested(95) }, { set: 'x'.repeat(300_000) }],
    ...[{ set: 'x'.repeat(5_000_000) }, { set: { lone: '\ud800' } }],
  ];
  for (const transport of ['websocket', 'longPoll'] as const) {
    it(`[SDK103] operations that are none fail alone (${transport})`, async () => {
      const { space } = open({ transport });
      await space.ready();
      await until(() => space.transport === transport);
      const news: unknown[] = [];
      space.on('status', (status) => news.push(status));
      for (const kind of ['register', 'set']) {
        const outcomes = ops.flatMap((op, i) => [
          space.item(`${kind}-${i}`, kind).post(op as Json),
          space.item(`${kind}-${i}`, kind).post(op as Json),
          space.item('good').merge({ [`${kind}${i}`]: i }),
        ]);
        const results = await Promise.all(outcomes);
        for (const [i, op] of ops.entries()) {
          const { result } = results[3 * i] ?? assert.fail();
          const fine = kind === 'register' && /ud800|adds/.test(JSON.stringify(op));
          if (!fine) assert(['problem', 'invalid', 'tooLarge'].includes(result), `${kind} ${i}: ${result}`);
          assert.equal(results[3 * i + 2]?.result, 'ok');
        }
      }
      assert.deepEqual([space.failure, space.status, space.transport, news], [undefined, 'live', transport, []]);
    });
  }

  it('[SDK103] ids and options that are none fail alone', async () => {
    const { space } = open({});
    await space.ready();
    for (const id of ['', ' ', '..', 'a/b', 'x'.repeat(200), '\ud800', 'ä']) {
      assert.equal((await space.item(id).set(1)).result, 'problem', id);
      await assert.rejects(space.item(id).lock());
    }
    const card = space.item('card');
    for (const ifVersion of [-1, 0.5, Number.NaN, 'one' as unknown as number]) {
      assert.notEqual((await card.set(1, { ifVersion })).result, 'ok');
    }
    await assert.rejects(card.lock({ ttlMs: -1 }));
    assert.deepEqual([space.failure, (await card.set(2)).result], [undefined, 'ok']);
  });

  it('[SDK103] a kind that throws has the server judge', async () => {
    const model = new World();
    const kind = { ...register.kind, apply: () => assert.fail('of the kind') };
    const { space } = model.client({ kinds: [{ ...register, kind, fold: () => assert.fail('of the kind') }] });
    await model.pass(50);
    const outcomes = [space.item('card').set(1), space.item('card').set(2)];
    await model.pass(500);
    assert.deepEqual(
      [space.failure, (await Promise.all(outcomes)).map(({ result }) => result)],
      [undefined, ['ok', 'ok']],
    );
    assert.equal(space.item('card').value, 2);
    model.close();
  });
});
