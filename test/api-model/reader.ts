import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../src/base/json.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import type { GetUpdatesResponse, ItemAnswer } from '../../src/protocol/get-updates.ts';
import type { SpaceModel } from './space-model.ts';

type Seen = { readonly version: number; readonly dead: boolean; readonly value: unknown; readonly lock?: unknown };

/** What one reader knows, from the answers along its chain of markers alone. */
export class Reader {
  marker: string | undefined;
  readonly items = new Map<string, Seen>();
  /** What they say, by client id. */
  readonly clients = new Map<string, unknown>();

  /** It begins anew. */
  reset(): void {
    this.marker = undefined;
    this.items.clear();
    this.clients.clear();
  }

  /** It was told to skip what is there: it knows all of it from elsewhere. */
  skipTo(model: SpaceModel): void {
    this.reset();
    for (const [id, { version, dead, value }] of model.items) if (!dead) this.items.set(id, { version, dead, value });
    for (const [id, { here, said }] of model.clients) if (here) this.clients.set(id, said.at(-1));
  }

  /** A complaint where the answer cannot follow what it was told before. */
  take(answer: GetUpdatesResponse): string | undefined {
    const fresh = this.marker === undefined;
    if (answer.mustReset) return `was reset: ${JSON.stringify(answer.mustReset)}`;
    for (const item of answer.items) {
      const wrong = this.#takeItem(item);
      if (wrong) return wrong;
    }
    for (const { id, data, state } of answer.clients ?? []) {
      if (state === 'left') this.clients.delete(id);
      else this.clients.set(id, data);
      if (fresh && state !== 'joined') return `${id} had to be told as joined in a snapshot`;
    }
    this.marker = answer.marker;
    return undefined;
  }

  /** Once it is up to date it knows exactly what stands. */
  compare(model: SpaceModel): string | undefined {
    for (const [id, item] of model.items) {
      const seen = this.items.get(id);
      if ((seen?.dead ?? true) !== item.dead)
        return `${id} is ${item.dead ? '' : 'not '}deleted, and seen as ${JSON.stringify(seen)}`;
      if (!seen || item.dead) continue;
      const wrong = model.sawVersion(id, seen.version);
      if (wrong) return wrong;
      if (!isDeepStrictEqual(seen.value, item.value))
        return `${id} is seen as ${JSON.stringify(seen)}, not ${JSON.stringify(item.value)}`;
      const lock = item.lock && { holder: item.lock.client, fence: item.fence };
      if ('lock' in seen && !isDeepStrictEqual(seen.lock, lock))
        return `${id} is seen with the lock ${JSON.stringify(seen.lock)}, not ${JSON.stringify(lock)}`;
    }
    for (const id of this.items.keys()) if (!model.items.has(id)) return `${id} was never there`;
    return this.#compareClients(model);
  }

  #compareClients(model: SpaceModel): string | undefined {
    for (const [id, { here, said }] of model.clients) {
      if (here !== this.clients.has(id))
        return `${id} is ${here ? '' : 'not '}here, and seen as ${here ? 'away' : 'here'}`;
      if (here && !said.some((data) => isDeepStrictEqual(data, this.clients.get(id))))
        return `${id} is seen to say ${JSON.stringify(this.clients.get(id))}, not ${JSON.stringify(said)}`;
    }
    for (const id of this.clients.keys()) if (!model.clients.has(id)) return `${id} was never here`;
    return undefined;
  }

  #takeItem(item: ItemAnswer): string | undefined {
    const before = this.items.get(item.id);
    if (before && item.version < before.version)
      return `${item.id} went back from ${before.version} to ${item.version}`;
    const seen = this.#next(item, before);
    if (typeof seen === 'string') return seen;
    if (before && 'lock' in before && item.version === before.version && !isDeepStrictEqual(seen, before))
      return `${item.id} has two contents at version ${item.version}`;
    this.items.set(item.id, seen);
    return undefined;
  }

  #next(item: ItemAnswer, before: Seen | undefined): Seen | string {
    const { version } = item;
    if ('deleted' in item) return { version, dead: true, value: undefined, lock: undefined };
    const lock = item.lock && { holder: item.lock.holder, fence: item.lock.fence };
    if (!('deltas' in item)) return { version, dead: false, value: item.value, lock };
    if (!before || before.version < item.from)
      return `deltas of ${item.id} from ${item.from} for ${JSON.stringify(before)}`;
    let value = before.value;
    for (const delta of item.deltas)
      if (delta.version > before.version) value = KINDS.get(item.kind)?.replay(value as Json, delta.op as Json);
    return { version, dead: false, value, lock };
  }
}
