import type { Json } from '../../src/base/json.ts';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { type Ask, type EngineWorld, TEST_KINDS } from './engine-fixture.ts';

type Held = { readonly version: number; readonly value: unknown };

/** A client that follows one marker chain as the delivery contract tells it to. Deleted items are not held. */
export class Chain {
  readonly items = new Map<string, Held>();
  /** Versions delivered, by item, in order. */
  readonly delivered = new Map<string, number[]>();
  marker: string | undefined;
  resets = 0;
  #dead = new Map<string, number>();
  #named: Set<string> | undefined;
  readonly #world: EngineWorld;

  constructor(world: EngineWorld) {
    this.#world = world;
  }

  /** One request; all pages of it where an answer says that more follow. */
  async next(ask: Ask = {}, on = 0): Promise<GetUpdatesResponse> {
    let response = await this.page(ask, on);
    for (let page = 0; !response.upToDate; page++) {
      if (page > 500) throw new Error('the pages never end');
      response = await this.page(ask, on);
    }
    return response;
  }

  async page(ask: Ask = {}, on = 0): Promise<GetUpdatesResponse> {
    const response = await this.#world.poll(
      { ...ask, ...(this.marker === undefined ? {} : { marker: this.marker }) },
      on,
    );
    this.take(response);
    return response;
  }

  take(response: GetUpdatesResponse): void {
    if (response.mustReset) {
      this.resets++;
      this.#named = new Set();
    }
    for (const item of response.items) {
      this.#named?.add(item.id);
      const list = this.delivered.get(item.id) ?? [];
      this.delivered.set(item.id, [...list, item.version]);
      this.#takeItem(item);
    }
    if (response.upToDate && this.#named) {
      for (const id of [...this.items.keys()]) if (!this.#named.has(id)) this.items.delete(id);
      this.#named = undefined;
    }
    this.marker = response.marker;
  }

  /** Values by id. */
  get values(): Record<string, unknown> {
    return Object.fromEntries([...this.items].sort().map(([id, { value }]) => [id, value]));
  }

  #takeItem(item: GetUpdatesResponse['items'][number]): void {
    const held = this.items.get(item.id);
    if (item.version !== 0 && item.version <= (held?.version ?? this.#dead.get(item.id) ?? 0)) return;
    if ('deleted' in item) {
      this.items.delete(item.id);
      this.#dead.set(item.id, item.version);
    } else if ('deltas' in item) {
      const from = held?.version ?? 0;
      if (from < item.from) throw new Error(`deltas of ${item.id} from ${item.from} for a client at ${from}`);
      const kind = TEST_KINDS.get(item.kind);
      // Of every kind here, what clients see is also what it decodes.
      let state = kind?.decode((held?.value ?? null) as Json);
      for (const delta of item.deltas) if (delta.version > from) state = kind?.replay(state, delta.op as Json);
      this.items.set(item.id, { version: item.version, value: kind?.value(state) });
    } else this.items.set(item.id, { version: item.version, value: item.value });
  }
}
