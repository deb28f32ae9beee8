import assert from 'node:assert/strict';
import { RefusedError } from '../../src/client/errors.ts';
import type { JoinRequest } from '../../src/client/transport.ts';
import { WELL } from './lossy-transport.ts';
import { type Joiner, World } from './world.ts';

describe('what a client says of itself', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  function joined(data: unknown): Joiner {
    return world.client({ data }, (net) => {
      net.joins = (clientId) => ({
        ...{ marker: 'e1:0', epoch: 'e1', upToDate: true, changesRemaining: 0, items: [], clients: [] },
        ...{ clientId: clientId ?? '', generation: 1, leaseMs: 30_000, nextSeq: 1 },
        clients: [{ id: clientId ?? '', state: 'joined' }],
      });
    });
  }
  const said = ({ net }: Joiner) => net.asked.filter(({ what }) => what === 'say');

  it('[BD1] is sent at most nine times a second, and the last word always', async () => {
    const client = joined({ at: 0 });
    await world.pass(50);
    for (let at = 1; at <= 100; at++) {
      client.space.say({ at });
      await world.pass(10);
    }
    await world.pass(200);
    const sent = said(client);
    assert(sent.length >= 8 && sent.length <= 11, `${sent.length} in a second`);
    assert(sent.every(({ at }, i) => i === 0 || at - (sent[i - 1]?.at ?? 0) >= 110));
    assert.deepEqual(sent.at(-1)?.body, { at: 100 });
  });

  it('[BD1] is said again after a failure, and is part of the next join', async () => {
    const client = joined({ at: 0 });
    await world.pass(50);
    client.net.down = true;
    client.space.say({ at: 1 });
    await world.pass(500);
    client.net.down = false;
    await world.until(() => said(client).length === 2, 'it is said again');
    assert.deepEqual(said(client)[1]?.body, { at: 1 });
    const joins = client.net.asked.filter(({ what }) => what === 'join').map(({ body }) => (body as JoinRequest).data);
    assert.deepEqual(joins, [{ at: 0 }]);
    client.space.say({ at: 2 });
    await world.pass(200);
    const another = joined({ at: 3 });
    another.net.down = true;
    another.space.say({ at: 4 });
    await world.pass(1_000);
    another.net.down = false;
    await world.until(() => another.space.status === 'live', 'it is live');
    const data = another.net.asked.filter(({ what }) => what === 'join').map(({ body }) => (body as JoinRequest).data);
    assert.deepEqual(data.at(-1), { at: 4 });
  });

  it('[BD21] what the server does not take is told and not said again, nor is it part of the next join', async () => {
    const client = joined({ at: 0 });
    await world.pass(50);
    const errors: unknown[] = [];
    client.space.on('error', (error) => errors.push(error));
    client.net.says = (data) => {
      if (data === 'too long') throw new RefusedError(400, { code: 'badRequest' }, undefined);
    };
    client.space.say({ at: 1 });
    await world.pass(500);
    client.space.say('too long');
    await world.pass(20_000, 100);
    assert.deepEqual(
      said(client).map(({ body }) => body),
      [{ at: 1 }, 'too long'],
    );
    assert(errors.length === 1 && errors[0] instanceof RefusedError);
    const next = client.net.next.bind(client.net);
    client.net.next = async (question, signal) => {
      client.net.next = next;
      const answer = await next({ ...question, wait: 0 }, signal);
      return { ...answer, clients: [{ id: question.clientId ?? '', state: 'left' }] };
    };
    world.server.post({ updates: [{ item: 'wake', op: { set: 1 } }] });
    await world.pass(500);
    const joins = client.net.asked.filter(({ what }) => what === 'join').map(({ body }) => (body as JoinRequest).data);
    assert.deepEqual(joins, [{ at: 0 }, { at: 1 }]);
    client.space.say({ at: 2 });
    await world.pass(500);
    assert.deepEqual(said(client).at(-1)?.body, { at: 2 });
  });

  it('[BD2] the server’s word about an item is told, also where its value stays', async () => {
    const [a, b] = [joined(undefined), joined(undefined)];
    await world.pass(50);
    const told: string[] = [];
    a.space.on('told', (ids) => told.push(...ids));
    void b.space.item('card').set(1);
    await world.pass(200);
    assert.deepEqual([...new Set(told)], ['card']);
  });

  it('[SDK88] an answer to an update of one’s own is told, also where the news of it have come before', async () => {
    const { space, net } = joined(undefined);
    await world.pass(50);
    let told = 0;
    space.on('told', () => told++);
    net.fate = (what) => (what === 'post' ? { kind: 'lateAnswer', laterMs: 2_000 } : WELL);
    void space.item('card').set(1);
    await world.until(() => space.item('card').version === 1, 'the news are here');
    await world.pass(500);
    assert.equal(space.item('card').saved, false);
    const before = told;
    await world.until(() => space.item('card').saved, 'the answer is here');
    assert.equal(told, before + 1);
  });
});
