import type { StoreKey } from '../../src/ports/store.ts';
import type { EngineWorld } from './engine-fixture.ts';

/** One call that waits. `reached`: it was made and stands still. */
export type Gate = { readonly reached: boolean; open(): void };

type Method = (...args: unknown[]) => Promise<unknown>;

const MAX_TURNS = 5_000;

/**
 * Holds the next call of a method whose first argument matches: before it is carried out or, with `after`, with its answer in hand. Later calls pass. Keys of the
 * cache are matched as they are, those of the store as `kind/id`, queries by the name of their index.
 */
export function hold(target: object, method: string, matches: RegExp, when: 'before' | 'after' = 'before'): Gate {
  const inner = (Reflect.get(target, method) as Method).bind(target);
  const opened = Promise.withResolvers<void>();
  const gate = { reached: false, open: opened.resolve };
  const held: Method = async (...args) => {
    if (gate.reached || !matches.test(nameOf(args[0]))) return inner(...args);
    gate.reached = true;
    if (when === 'before') await opened.promise;
    const answer = await inner(...args);
    if (when === 'after') await opened.promise;
    return answer;
  };
  Reflect.set(target, method, held);
  return gate;
}

/** Runs until the gate holds its call; time passes only if it has to. */
export async function reached(world: EngineWorld, ...gates: readonly Gate[]): Promise<void> {
  for (let turn = 0; !gates.some((gate) => gate.reached); turn++) {
    if (turn > MAX_TURNS) throw new Error('the call that is to be held is never made');
    world.clock.advance(turn < 8 ? 0 : 5);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function nameOf(arg: unknown): string {
  return (Array.isArray(arg) ? arg : [arg])
    .map((key: string | StoreKey) => (typeof key === 'string' ? key : `${key.kind}/${key.id}`))
    .join(' ');
}
