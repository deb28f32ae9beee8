import type { Json } from '../../src/base/json.ts';
import type { EngineParts } from '../../src/core/presence/engine-parts.ts';
import { rosterKey } from '../../src/model/keys.ts';
import { decodeRosterShard, ROSTER_SHARDS, type RosterClient } from '../../src/model/roster-record.ts';
import { joinResponseSchema } from '../../src/protocol/clients.ts';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import type { ClientId } from '../../src/protocol/ids.ts';
import { EngineWorld, SPACE } from './engine-fixture.ts';

export const LEASE = 30_000;
export const GRACE = 5_000;

type Who = { readonly on?: number; readonly subject?: string };

/** Clients as a test uses them. */
export class People {
  readonly world: EngineWorld;

  /** `joining`: locks, too, ask who is here. */
  constructor(instances = 1, parts: EngineParts = {}, { joining = false } = {}) {
    this.world = new EngineWorld({}, 0);
    for (let i = 0; i < instances; i++) this.world.start({}, { parts, joining });
  }

  async join(clientId?: string, more: Who & { readonly name?: string; readonly data?: Json } = {}) {
    const { on = 0, subject = 'anonymous', ...said } = more;
    const request = { ...(clientId === undefined ? {} : { clientId }), ...said };
    const body = await this.world.run(this.world.at(on).engine.clients.join(SPACE, request, { subject }));
    return joinResponseSchema.parse(JSON.parse(body.toString()));
  }

  patch(client: string, data: Json, { on = 0, subject = 'anonymous' }: Who = {}): Promise<void> {
    return this.world.run(this.world.at(on).engine.clients.patch(SPACE, client as ClientId, data, { subject }));
  }

  leave(client: string, generation?: number, { on = 0, subject = 'anonymous' }: Who = {}): Promise<void> {
    const { clients } = this.world.at(on).engine;
    return this.world.run(clients.leave(SPACE, client as ClientId, generation, { subject }));
  }

  /** Polls without waiting until nothing is left to tell; the chain's clients in the order they were told. */
  async told(marker: string, on = 0): Promise<{ clients: NonNullable<GetUpdatesResponse['clients']>; marker: string }> {
    const clients: NonNullable<GetUpdatesResponse['clients']> = [];
    let at = marker;
    for (;;) {
      const answer = await this.world.poll({ marker: at }, on);
      at = answer.marker;
      if (answer.mustReset) throw new Error(`reset: ${answer.mustReset.reason}`);
      if (!answer.clients) return { clients, marker: at };
      clients.push(...answer.clients);
    }
  }

  /** Ids in a fresh snapshot, sorted. */
  async here(on = 0): Promise<string[]> {
    const { clients = [] } = await this.world.snapshot(on);
    return clients.map(({ id }) => id).sort();
  }

  async entry(id: string): Promise<RosterClient | undefined> {
    for (let shard = 0; shard < ROSTER_SHARDS; shard++) {
      const bytes = await this.world.record(rosterKey(SPACE, shard));
      const found = bytes && decodeRosterShard(bytes).clients;
      if (found && Object.hasOwn(found, id)) return found[id];
    }
    return undefined;
  }

  /** Time passes while the client waits for news, its poll beginning anew whenever it ends. Returns the ids it was told left. */
  async stay(client: string, ms: number, { on = 0, marker }: { on?: number; marker: string }): Promise<string[]> {
    const left: string[] = [];
    let at = marker;
    let parked = this.world.park({ marker: at, clientId: client }, on);
    for (let passed = 0; passed < ms; passed += 1_000) {
      await this.world.pass(1_000, 250);
      if (!parked.outcome) continue;
      const { clients = [], marker: next } = parked.response;
      left.push(...clients.filter(({ state }) => state === 'left').map(({ id }) => id));
      at = next;
      parked = this.world.park({ marker: at, clientId: client }, on);
    }
    parked.cancel();
    return left;
  }
}
