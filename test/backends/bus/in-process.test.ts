import assert from 'node:assert/strict';
import { createInProcessBus, createInProcessHub } from '../../../src/backends/bus/in-process.ts';
import { busContract } from '../../contracts/bus.ts';
import { settle } from '../../support/clocks.ts';

describe('in-process bus', () => {
  busContract(async () => {
    const hub = createInProcessHub();
    const [one, two] = [hub.bus(), hub.bus()];
    const close = async (): Promise<void> => void (await Promise.all([one.close(), two.close()]));
    return { one, two, arrive: settle, close };
  });

  it('[BU9] hints of one space and turn are merged; every instance but the publisher is woken', async () => {
    const hub = createInProcessHub();
    const [one, ...rest] = [hub.bus(), hub.bus(), hub.bus()];
    const wakes = [0, 0];
    for (const [i, bus] of rest.entries()) {
      bus.watch('board', () => {
        wakes[i] = (wakes[i] ?? 0) + 1;
      });
    }
    for (let i = 0; i < 10; i++) one?.publish('board');
    await settle();
    assert.deepEqual(wakes, [1, 1]);
  });

  it('[BU2] the bus of a single instance wakes nobody', async () => {
    const bus = createInProcessBus();
    bus.watch('board', () => assert.fail('woken'));
    bus.publish('board');
    await settle();
    await bus.close();
  });
});
