import assert from 'node:assert/strict';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import type { UpdateResult } from '../../src/protocol/post-update.ts';
import type { EngineWorld } from './engine-fixture.ts';

export type Edit = readonly [at: number, del: number, ins: string];
export type Posted = UpdateResult & { readonly reserved?: { readonly holder: string; readonly ttlMs: number } };
export const RESERVED_MS = 2_000;

/** Several people at one text, in a space that has reservations. */
export class Contention {
  readonly world: EngineWorld;
  readonly #seqs = new Map<string, number>();
  readonly #last = new Map<string, { base: number; edits: readonly Edit[] }>();
  /** Of the text, as far as it was written here. */
  version = 1;

  constructor(world: EngineWorld, { wanted = true } = {}) {
    this.world = world;
    world.settings = { ...DEFAULT_SETTINGS, textReservations: wanted };
  }

  async create(text: string, granularity: 'touch' | 'line' = 'touch'): Promise<this> {
    ({ version: this.version } = await this.world.ok('t', { create: { text, granularity } }, { kind: 'text' }));
    return this;
  }

  /** On what the text is now, unless `base` says otherwise. */
  async write(who: string, edit: Edit, { base = this.version, on = 0 } = {}): Promise<Posted> {
    this.#seqs.set(who, (this.#seqs.get(who) ?? 0) + 1);
    this.#last.set(who, { base, edits: [edit] });
    return this.repeat(who, on);
  }

  /** The last one of that client once more, under its number. */
  async repeat(who: string, on = 0): Promise<Posted> {
    const seq = this.#seqs.get(who) ?? 0;
    const result = await this.world.post('t', this.#last.get(who), { clientId: who, seq, on });
    if (result.result === 'ok') this.version = Math.max(this.version, result.version);
    return result as Posted;
  }

  /** Somebody is there first, so often. Returns the last refusal. */
  async refuse(who: string, at: number, times = 1, on = 0): Promise<Posted> {
    let last: Posted | undefined;
    for (let i = 0; i < times; i++) {
      const base = this.version;
      assert.equal((await this.write('quick', [at, 0, 'q'], { on })).result, 'ok');
      last = await this.write(who, [at, 0, 's'], { base, on });
      assert.equal(last.result, 'conflict');
    }
    if (!last) throw new Error('at least once');
    return last;
  }

  async text(on = 0): Promise<unknown> {
    const [item] = (await this.world.snapshot(on)).items;
    return item && 'value' in item ? item.value : undefined;
  }
}
