import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ChoosingTransport } from '../../src/client/choosing-transport.ts';
import type { Space, TransportName } from '../../src/client/connect.ts';
import { Trust } from '../../src/client/trust.ts';
import { FakeStreams, type Weather } from './fake-channel.ts';
import { LossyTransport, WELL } from './lossy-transport.ts';
import { shown, World } from './world.ts';

type Chooser = {
  readonly space: Space;
  readonly net: LossyTransport;
  readonly sockets: FakeStreams;
  readonly events: FakeStreams;
  /** As the browser tells it. */
  readonly network: (isThere: boolean) => void;
};

describe('the choice of a transport', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  /** A client with all four transports, over networks that can be spoilt apart. */
  function chooser(
    only?: TransportName,
    prepare: (one: Omit<Chooser, 'space' | 'network'>) => void = () => undefined,
  ): Chooser {
    const sockets = new FakeStreams(world.server, world.clock, true);
    const events = new FakeStreams(world.server, world.clock, false);
    const ending = new AbortController();
    let transport: ChoosingTransport | undefined;
    let network: Chooser['network'] = () => undefined;
    const options = {
      get transport() {
        return transport as ChoosingTransport;
      },
      network: (tell: Chooser['network']) => {
        network = tell;
        return () => undefined;
      },
    };
    const { space, net } = world.client(options, (plain) => {
      transport = new ChoosingTransport({
        ...{ clock: world.clock, fraction: () => 0, plain, signal: ending.signal },
        streams: [
          { name: 'websocket', open: sockets.open },
          { name: 'sse', open: events.open },
        ],
        ...(only && { only }),
      });
      prepare({ net: plain, sockets, events });
    });
    return { space, net, sockets, events, network };
  }

  const post = (n: number) => world.server.post({ updates: [{ item: 'card', op: { set: n } }] });
  const polls = ({ net }: Chooser, held: boolean) =>
    net.asked.filter(({ what, body }) => what === 'next' && (body as { wait: number }).wait > 0 === held);

  it('[SDK87] is left alone when the browser says that the network is gone, and tried again as soon as it says that it is back', async () => {
    const { space, net, sockets, network } = chooser();
    await world.pass(100);
    assert.deepEqual([space.status, space.transport], ['live', 'websocket']);
    net.down = true;
    sockets.weather = 'held';
    void space.item('card').set(1);
    network(false);
    await world.pass(1_000);
    assert.equal(space.status, 'offline');
    await world.pass(20_000); // by now it tries every 15 s only
    net.down = false;
    sockets.weather = 'fine';
    network(true);
    await world.pass(200);
    assert.equal(space.status, 'live');
    assert.equal(world.server.value('card'), 1);
  });

  it('[SDK90] opens nothing more once it is closed, also where something was being opened just then', async () => {
    const ending = new AbortController();
    const sockets = new FakeStreams(world.server, world.clock, true);
    const events = new FakeStreams(world.server, world.clock, false);
    sockets.weather = 'held';
    const transport = new ChoosingTransport({
      ...{ clock: world.clock, fraction: () => 0, plain: new LossyTransport(world.server, world.clock) },
      signal: ending.signal,
      streams: [
        { name: 'websocket', open: sockets.open },
        { name: 'sse', open: events.open },
      ],
    });
    const asked = transport.next({ wait: 20, durable: false }, ending.signal);
    const rejected = assert.rejects(asked, /the space was closed/);
    await world.pass(10);
    assert.deepEqual([sockets.count, events.count], [1, 0], 'it is being opened');
    ending.abort(new Error('the space was closed'));
    await rejected;
    await world.pass(100);
    assert.deepEqual([sockets.count, events.count, events.opened.length], [0, 0, 0]);
  });

  it('[SDK74] is the first that can be opened, in the order WebSocket, server-sent events, long polls', async () => {
    const cases: [Weather, Weather, TransportName][] = [
      ['fine', 'fine', 'websocket'],
      ['refused', 'fine', 'sse'],
      ['refused', 'refused', 'longPoll'],
    ];
    for (const [ws, sse, expected] of cases) {
      const one = chooser(
        undefined,
        ({ sockets, events }) => Object.assign(sockets, { weather: ws }) && Object.assign(events, { weather: sse }),
      );
      await world.pass(200);
      post(world.server.version('card') + 1);
      await world.pass(50);
      assert.deepEqual([one.space.transport, one.space.status], [expected, 'live']);
      assert.equal(shown(one.space, 'card'), world.server.value('card'));
      one.space.close();
    }
  });

  it('[SDK75] a stream that is held back is never used, and news come meanwhile', async () => {
    const one = chooser(
      undefined,
      ({ sockets, events }) =>
        Object.assign(sockets, { weather: 'held' }) && Object.assign(events, { weather: 'held' }),
    );
    for (let n = 1; n <= 30; n++) {
      post(n);
      await world.pass(1_100, 50);
      assert.equal(shown(one.space, 'card'), n, `after ${n} s`);
    }
    assert.deepEqual([one.space.transport, one.sockets.count, one.events.count], ['longPoll', 0, 0]);
    assert.equal(one.space.status, 'live');
  });

  it('[SDK76] a stream without a sign of life for 30 s is given up, and what it did not tell comes', async () => {
    const one = chooser();
    await world.pass(25_000, 100);
    assert.equal(one.space.transport, 'websocket');
    one.sockets.weather = 'held';
    post(1);
    await world.pass(15_000, 100);
    assert.equal(shown(one.space, 'card'), undefined);
    await world.pass(16_000, 100);
    assert.equal(shown(one.space, 'card'), 1);
  });

  it('[SDK77] a better one is tried again, after pauses that grow, and taken as soon as it delivers', async () => {
    const one = chooser(undefined, ({ sockets }) => Object.assign(sockets, { weather: 'refused' }));
    await world.pass(400_000, 500);
    assert.equal(one.space.transport, 'sse');
    const gaps = one.sockets.opened.map(({ at }, i, all) => Math.round((at - (all[i - 1]?.at ?? at)) / 1_000)).slice(1);
    assert.equal(gaps.length, 3);
    assert(
      gaps.every((gap, i) => gap >= 30 * 2 ** i && gap <= 30 * 2 ** i + 26),
      `${gaps}`,
    );
    one.sockets.weather = 'fine';
    await world.pass(300_000, 500);
    assert.deepEqual([one.space.transport, one.sockets.count, one.events.count], ['websocket', 1, 0]);
  });

  it('[SDK78] one that is cut three times before it has proved itself is left for the next; one that has is opened again', async () => {
    const one = chooser();
    await world.pass(25_000, 100);
    one.sockets.cut();
    await world.pass(2_000, 100);
    assert.equal(one.space.transport, 'websocket');
    for (let n = 0; n < 3; n++) {
      one.sockets.cut();
      await world.pass(2_000, 100);
    }
    assert.equal(one.space.transport, 'sse');
  });

  it('[SDK79] is not blamed for the absence of the server', async () => {
    const one = chooser();
    await world.pass(1_000, 100);
    one.net.down = true;
    one.sockets.weather = 'refused';
    one.events.weather = 'refused';
    one.sockets.cut();
    await world.pass(60_000, 500);
    assert.equal(one.space.status, 'offline');
    one.net.down = false;
    one.sockets.weather = 'fine';
    await world.pass(20_000, 100);
    assert.deepEqual([one.space.status, one.space.transport], ['live', 'websocket']);
  });

  it('[SDK80] long polls that a proxy cuts give way to plain polls', async () => {
    const one = chooser('longPoll');
    await world.pass(100);
    const auto = chooser(undefined, ({ net, sockets, events }) => {
      Object.assign(sockets, { weather: 'refused' });
      Object.assign(events, { weather: 'refused' });
      net.fate = () => {
        const last = net.asked.at(-1)?.body as { readonly wait?: number };
        return last.wait ? { kind: 'refused', status: 504, code: 'unknown' } : WELL;
      };
    });
    await world.pass(5_000, 100);
    assert.deepEqual([one.space.transport, auto.space.transport], ['longPoll', 'poll']);
    const before = polls(auto, false).length;
    post(1);
    await world.pass(10_000, 100);
    assert.equal(shown(auto.space, 'card'), 1);
    const asked = polls(auto, false).length - before;
    assert(asked >= 4 && asked <= 6, `${asked} polls in 10 s`);
    auto.net.fate = () => WELL;
    await world.pass(60_000, 500);
    assert.equal(auto.space.transport, 'longPoll');
  });

  it('[SDK81] posts go over the socket that is open; cut off, they are sent again once it is known where the server stands', async () => {
    const one = chooser();
    await world.pass(100);
    void one.space.item('log', 'journal').post({ add: '1' });
    await world.pass(100);
    assert.deepEqual([one.sockets.posts.length, one.net.posts().length], [1, 0]);
    void one.space.item('log', 'journal').post({ add: '2' });
    await world.until(() => one.sockets.posts.length === 2, 'it is on its way');
    one.sockets.cut();
    await world.pass(3_000, 50);
    assert.deepEqual(world.server.value('log'), ['1', '2']);
    assert.deepEqual([one.space.status, shown(one.space, 'log')], ['live', ['1', '2']]);
  });

  it('[SDK82] one that was asked for is the only one, tried with growing pauses', async () => {
    const one = chooser('sse', ({ events }) => Object.assign(events, { weather: 'refused' }));
    await world.pass(60_000, 100);
    assert.deepEqual([one.sockets.opened.length, one.space.transport], [0, undefined]);
    const tries = one.events.opened.length;
    assert(tries >= 4 && tries <= 12, `${tries} in a minute`);
    one.events.weather = 'fine';
    await world.pass(20_000, 100);
    assert.deepEqual([one.space.transport, one.space.status], ['sse', 'live']);
  });

  it('[SDK83] keeps count of failures: pauses double up to half an hour, and end with success', () => {
    const trust = new Trust();
    const pauses = Array.from({ length: 9 }, () => {
      trust.failed(0, 0);
      for (let s = 1; ; s++) if (trust.mayTry(s * 1_000)) return s;
    });
    assert.deepEqual(pauses, [30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800]);
    trust.ended(true, 0, 0);
    assert.equal(trust.hasFailed, false);
    trust.failed(0, 0.999);
    assert.deepEqual([trust.mayTry(37_000), trust.mayTry(37_500)], [false, true]);
  });
});

/** Always the same plans unless others are asked for. */
const RUNS = Number(process.env.MODEL_RUNS ?? 60);
const SEED = Number(process.env.MODEL_SEED ?? 84);

describe('transports that change in mid-stream', function () {
  this.timeout(120_000 + RUNS * 100);

  const weather = fc.constantFrom<Weather>('fine', 'fine', 'refused', 'held');
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('add' as const), client: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('cut' as const), client: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('weather' as const), ws: weather, sse: weather }) },
    { weight: 1, arbitrary: fc.constant({ what: 'lose' as const }) },
  );
  const plan = fc.array(fc.tuple(step, fc.oneof(fc.nat(200), fc.nat(20_000))), { minLength: 5, maxLength: 30 });

  type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;
  /** Two have gone on before they hear of a loss, so that nothing can be repeated; whoever wrote later brings it back first. */
  const TWO_LATE: [Step, number][] = [
    [{ what: 'add', client: 0 }, 1],
    [{ what: 'lose' }, 0],
    [{ what: 'add', client: 1 }, 0],
    [{ what: 'add', client: 0 }, 0],
    [{ what: 'add', client: 0 }, 121],
    [{ what: 'weather', ws: 'held', sse: 'fine' }, 0],
    [{ what: 'cut', client: 0 }, 0],
    [{ what: 'lose' }, 1],
    [{ what: 'add', client: 1 }, 0],
    [{ what: 'add', client: 0 }, 0],
  ];

  const add = (client: number, ms = 0): [Step, number] => [{ what: 'add', client }, ms];
  /** More of one loss than there may be losses. */
  const MANY_LATE: [Step, number][] = [
    add(0, 1),
    [{ what: 'lose' }, 0],
    ...[add(1), add(1), add(1), add(1, 1_801), add(1, 101)],
    [{ what: 'weather', ws: 'held', sse: 'fine' }, 0],
    [{ what: 'lose' }, 0],
    ...[add(0), add(0), add(0), add(1), add(0)],
  ];

  /** An update is acknowledged after a second loss, and news from between the two, which do not have it, come after that. */
  const LATE_NEWS: [Step, number][] = [
    ...[add(0, 1), add(0, 21)],
    [{ what: 'weather', ws: 'refused', sse: 'fine' }, 0],
    [{ what: 'lose' }, 0],
    [{ what: 'lose' }, 1],
    add(0, 1),
    [{ what: 'weather', ws: 'fine', sse: 'fine' }, 0],
    add(1),
    [{ what: 'cut', client: 0 }, 21],
    [{ what: 'lose' }, 0],
    add(0),
    [{ what: 'cut', client: 0 }, 0],
    [{ what: 'cut', client: 0 }, 0],
    add(0),
  ];

  it('[SDK84] lose no update and apply none twice', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const world = new World();
        const all = [0, 1].map(() => {
          const sockets = new FakeStreams(world.server, world.clock, true);
          const events = new FakeStreams(world.server, world.clock, false);
          const plain = world.client().net;
          const signal = new AbortController().signal;
          const streams = [
            { name: 'websocket' as const, open: sockets.open },
            { name: 'sse' as const, open: events.open },
          ];
          const transport = new ChoosingTransport({ clock: world.clock, fraction: () => 0, plain, streams, signal });
          return { ...world.client({ transport }), sockets, events };
        });
        const outcomes: { result: string | undefined }[] = [];
        for (const [one, ms] of steps) {
          if (one.what === 'lose') world.server.lose();
          else if (one.what === 'weather')
            for (const { sockets, events } of all) [sockets.weather, events.weather] = [one.ws, one.sse];
          else if (one.what === 'cut') all[one.client]?.[ms % 2 ? 'sockets' : 'events'].cut();
          else {
            const told: { result: string | undefined } = { result: undefined };
            const op = { add: String(outcomes.push(told)) };
            void all[one.client]?.space
              .item('log', 'journal')
              .post(op)
              .then(({ result }) => Object.assign(told, { result }));
          }
          await world.pass(ms, ms > 500 ? 200 : 20);
        }
        await world.until(() => outcomes.every(({ result }) => result !== undefined), 'all is answered');
        await world.pass(60_000, 500);
        const value = (world.server.value('log') ?? []) as string[];
        assert.deepEqual([...value].sort(), outcomes.map((_, i) => String(i + 1)).sort());
        for (const { space } of all) assert.deepEqual(space.item('log').confirmed ?? [], value);
        for (const { space } of world.joiners) space.close();
      }),
      { numRuns: RUNS, seed: SEED, examples: [[TWO_LATE], [MANY_LATE], [LATE_NEWS]] },
    );
  });
});
