import assert from 'node:assert/strict';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { ownerRowKey } from '../../src/model/keys.ts';
import { Failure } from '../../src/ports/failure.ts';
import type { Store } from '../../src/ports/store.ts';
import { decideOwner, LEASE_MS, Owner, type OwnerOptions, RENEW_MS } from '../../src/server/owner.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';

describe('decideOwner', () => {
  const held = { fingerprint: 'a', fence: 7, untilMs: 1_000 };

  it('[CF10] an unowned store is taken', () => {
    const record = { fingerprint: 'a', fence: 1, untilMs: 5 + LEASE_MS };
    assert.deepEqual(decideOwner(undefined, 'a', 5), { action: 'takeOver', record });
  });

  it('[CF10] the same fingerprint renews under the same fence, never shortening', () => {
    assert.deepEqual(decideOwner(held, 'a', 5), { action: 'renew', record: { ...held, untilMs: 5 + LEASE_MS } });
    const longer = { ...held, untilMs: 10 * LEASE_MS };
    assert.deepEqual(decideOwner(longer, 'a', 5), { action: 'keep', record: longer });
  });

  it('[CF18] a lease that was renewed within 2 s is not written again', () => {
    const renewed = { ...held, untilMs: 5 + LEASE_MS };
    assert.deepEqual(decideOwner(renewed, 'a', 2_004), { action: 'keep', record: renewed });
    const action = decideOwner(renewed, 'a', 2_005).action;
    assert.equal(action, 'renew');
  });

  it('[CF11] another fingerprint is refused until the lease has run out', () => {
    assert.deepEqual(decideOwner(held, 'b', 999), { action: 'refuse', untilMs: 1_000 });
    const record = { fingerprint: 'b', fence: 8, untilMs: 1_000 + LEASE_MS };
    assert.deepEqual(decideOwner(held, 'b', 1_000), { action: 'takeOver', record });
  });

  it('[CF12] an owner that is proven dead is succeeded at once', () => {
    const record = { fingerprint: 'b', fence: 8, untilMs: 5 + LEASE_MS };
    assert.deepEqual(decideOwner(held, 'b', 5, true), { action: 'takeOver', record });
  });
});

describe('Owner', () => {
  let clock: FakeClock;
  let store: Store;
  let down: boolean;

  beforeEach(() => {
    clock = new FakeClock();
    down = false;
    const memory = createMemoryStore();
    store = {
      ...memory,
      transact: (keys, decide) => {
        if (down) return Promise.reject(new Failure('storeUnavailable', 'down'));
        return memory.transact(keys, decide);
      },
    };
  });

  function make(fingerprint: string, more: Partial<OwnerOptions> = {}): Owner {
    return new Owner({
      store,
      clock,
      log: new RecordedLog(),
      fingerprint,
      exclusiveStore: false,
      alone: false,
      ...more,
    });
  }

  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= RENEW_MS) {
      clock.advance(Math.min(left, RENEW_MS));
      await settle();
    }
  }

  it('[CF13] instances with one fingerprint serve together, for as long as they renew', async () => {
    const [one, two] = [make('a'), make('a')];
    assert.equal(one.refusal()?.code, 'notReady', 'not before it has looked');
    await one.start();
    await two.start();
    await pass(10 * LEASE_MS);
    assert.equal(one.refusal() ?? two.refusal(), undefined);
  });

  it('[CF11] another fingerprint serves nothing, and comes in by itself when the lease runs out', async () => {
    const [one, two] = [make('a'), make('b')];
    await one.start();
    await two.start();
    await pass(5 * LEASE_MS);
    assert.equal(two.refusal()?.code, 'notReady');
    await one.stop();
    await pass(LEASE_MS - RENEW_MS);
    assert.equal(two.refusal()?.code, 'notReady');
    await pass(2 * RENEW_MS);
    assert.equal(two.refusal(), undefined);
  });

  it('[CF14] an owner that finds another in its place serves nothing from then on', async () => {
    const sleeper = make('a');
    await sleeper.start();
    clock.advance(0);
    down = true; // it hears nothing for longer than its lease …
    await pass(LEASE_MS + RENEW_MS);
    down = false;
    const other = make('b');
    await other.start(); // … and another takes over
    assert.equal(other.refusal(), undefined);
    await pass(RENEW_MS);
    assert.equal(sleeper.refusal()?.code, 'notReady');
  });

  it('[CF15] a store that does not answer leaves the decision to the engine', async () => {
    const owner = make('a');
    await owner.start();
    down = true;
    await pass(4 * LEASE_MS);
    assert.equal(owner.refusal(), undefined);
  });

  it('[CF15] after a pause longer than the lease it serves nothing until it has looked again', async () => {
    let pausedMs = 0;
    const owner = make('a', {
      clock: {
        now: () => clock.now() + pausedMs,
        monotonic: () => clock.monotonic() + pausedMs,
        after: (ms, call) => clock.after(ms, call),
        sleep: (ms) => clock.sleep(ms),
      },
    });
    await owner.start();
    pausedMs = LEASE_MS;
    assert.equal(owner.refusal()?.code, 'notReady');
    await pass(RENEW_MS);
    assert.equal(owner.refusal(), undefined);
  });

  it('[CF12] with an exclusive store the next process goes on at once', async () => {
    await make('a').start();
    const next = make('b', { exclusiveStore: true });
    await next.start();
    assert.equal(next.refusal(), undefined);
  });

  it('[CF16] a lease that nobody shares ends with its process', async () => {
    const one = make('a', { alone: true });
    await one.start();
    await one.stop();
    const two = make('b');
    await two.start();
    assert.equal(two.refusal(), undefined);
    assert.equal(one.refusal()?.code, 'stopping');
  });

  it('[CF17] [CF19] does not start without having asked the store, and gives up asking after 15 s', async () => {
    down = true;
    const owner = make('a');
    let end = 'none';
    const starting = owner.start().catch((error: unknown) => {
      end = String(error);
    });
    const wait = async (ms: number): Promise<void> => {
      for (let left = ms; left > 0; left -= 500) {
        clock.advance(500);
        await settle();
      }
    };
    await wait(14_500);
    assert.deepEqual([end, owner.refusal()?.code], ['none', 'notReady']);
    await wait(1_000);
    await starting;
    assert.match(end, /down/);
  });

  it('[CF47] told to stop it waits no longer, neither between two questions nor for an answer', async () => {
    const silent: Store = { ...store, transact: () => new Promise(() => undefined) };
    down = true;
    for (const asked of [store, silent]) {
      const stopping = new AbortController();
      const owner = make('a', { store: asked });
      const starting = owner.start(stopping.signal);
      await settle();
      stopping.abort(new Error('told to stop'));
      await assert.rejects(starting, /told to stop/);
      await owner.stop();
    }
    down = false;
    await assert.rejects(make('a').start(AbortSignal.abort(new Error('told before'))), /told before/);
    await pass(2 * RENEW_MS);
    assert.equal(await store.transact([ownerRowKey()], ([record]) => ({ changes: [], result: record })), undefined);
  });

  it('[CF19] starts when the store answers at last; what is broken is told at once', async () => {
    down = true;
    const owner = make('a');
    const starting = owner.start();
    await settle();
    down = false;
    clock.advance(500);
    await starting;
    assert.equal(owner.refusal(), undefined);
    const broken: Store = { ...store, transact: () => Promise.reject(new Error('no store at all')) };
    await assert.rejects(make('b', { store: broken }).start(), /no store at all/);
  });
});
