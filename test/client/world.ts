import type { Json } from '../../src/base/json.ts';
import { type ClientKind, type ConnectOptions, connect, register, type Space } from '../../src/client/connect.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import { register as registerKind } from '../../src/kinds/register.ts';
import { journal } from '../doubles/journal-kind.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { LossyTransport } from './lossy-transport.ts';
import { ModelServer } from './model-server.ts';

const journalOfClients: ClientKind = {
  kind: journal as Kind,
  open: (value) => value,
  fold: () => undefined,
  whole: () => undefined,
};

export type Joiner = { readonly space: Space; readonly net: LossyTransport };

/** One model server, clients around it, and time that passes when told. */
export class World {
  readonly clock = new FakeClock();
  readonly server = new ModelServer([registerKind as Kind, journal as Kind], this.clock);
  readonly joiners: Joiner[] = [];
  readonly #taken = new Set<string>();

  client(options: Partial<ConnectOptions> = {}, prepare: (net: LossyTransport) => void = () => undefined): Joiner {
    const net = new LossyTransport(this.server, this.clock);
    prepare(net);
    const id = `client${this.joiners.length}`;
    let named = 0;
    const space = connect({
      url: 'http://model',
      space: 's',
      kinds: [register, journalOfClients],
      clock: this.clock,
      fraction: () => 0,
      id: () => `${id}.${named++}`,
      frame: () => undefined,
      takeName: async (name, signal) => this.#takeName(name, signal),
      transport: net,
      ...options,
    });
    this.joiners.push({ space, net });
    return { space, net };
  }

  /** As the locks of a browser, without their time. */
  #takeName(name: string, signal: AbortSignal): boolean {
    if (this.#taken.has(name)) return false;
    this.#taken.add(name);
    signal.addEventListener('abort', () => this.#taken.delete(name), { once: true });
    return true;
  }

  /** Lets time pass, in steps of `step` ms. */
  async pass(ms: number, step = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await settle();
      this.clock.advance(step);
    }
    await settle();
  }

  async until(holds: () => boolean, what: string, ms = 120_000): Promise<void> {
    for (let passed = 0; !holds(); passed += 20) {
      if (passed > ms) throw new Error(`${ms} ms have passed until ${what}`);
      await settle();
      this.clock.advance(20);
    }
  }

  close(): void {
    for (const { space } of this.joiners) space.close();
  }
}

export function shown(space: Space, item: string): Json | undefined {
  return space.item(item).value;
}
