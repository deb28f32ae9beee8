import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Contention, type Edit, RESERVED_MS } from '../support/contention.ts';
import { EngineWorld } from '../support/engine-fixture.ts';

const TEXT = 'one two three four five six';

/** What is reserved, as whoever sees all answers can tell. */
class Oracle {
  #kept: { readonly holder: string; from: number; to: number; readonly at: number } | undefined;

  granted(holder: string, [at, del]: Edit, missed: readonly Edit[], now: number): void {
    this.#kept = { holder, from: at, to: at + del, at: now };
    for (const edit of missed) this.#move(edit);
  }

  /** Is it certain that it is refused for this, or that it is not? */
  forbids(who: string, [at, del]: Edit, now: number): { readonly must: boolean; readonly may: boolean } {
    const kept = this.#kept;
    const touches = kept !== undefined && kept.holder !== who && at <= kept.to && at + del >= kept.from;
    const age = now - (kept?.at ?? 0);
    return { must: touches && age < RESERVED_MS - 200, may: touches && age <= RESERVED_MS + 200 };
  }

  accepted(who: string, edit: Edit): void {
    if (this.#kept?.holder === who) this.#kept = undefined;
    this.#move(edit);
  }

  get place() {
    return this.#kept && { from: this.#kept.from, to: this.#kept.to };
  }

  #move([at, del, ins]: Edit): void {
    const kept = this.#kept;
    if (!kept) return;
    const after = (place: number, side: number): number => {
      if (place < at || (place === at && (del > 0 || side < 0))) return place;
      if (place >= at + del) return place + ins.length - del;
      return side < 0 ? at : at + ins.length;
    };
    [kept.from, kept.to] = [after(kept.from, -1), after(kept.to, 1)];
  }
}

type Step = {
  readonly who: number;
  readonly at: number;
  readonly del: number;
  readonly ins: string;
  readonly late: boolean;
  readonly ms: number;
};
const step = fc.record<Step>({
  who: fc.integer({ min: 0, max: 3 }),
  at: fc.constantFrom(0, 1, 1, 2, 2, 3, 5, 8),
  del: fc.integer({ min: 0, max: 2 }),
  ins: fc.constantFrom('', 'x', 'yz'),
  /** Most are late: else nobody is ever refused three times in a row. */
  late: fc.constantFrom(true, true, true, false),
  ms: fc.constantFrom(0, 0, 0, 50, 700),
});

/** Plays at random; returns how many were turned away for the sake of a reservation. */
async function play(steps: readonly Step[]): Promise<number> {
  const there = await new Contention(new EngineWorld({}, 2)).create(TEXT);
  const oracle = new Oracle();
  const seen = [1, 1, 1, 1];
  let [length, turnedAway] = [TEXT.length, 0];
  const lengths = new Map([[1, length]]);
  for (const { who, at, del, ins, late, ms } of steps) {
    await there.world.pass(ms, 50);
    const base = late ? (seen[who] ?? 1) : there.version;
    const size = lengths.get(base) ?? 0;
    const from = Math.min(at, size);
    const edit: Edit = [from, Math.min(del, size - from), ins];
    if (edit[1] === 0 && ins === '') continue;
    const now = there.world.clock.monotonic();
    const name = `c${who}`;
    const posted = await there.write(name, edit, { base, on: who % 2 });
    assert.ok(posted.result === 'ok' || posted.result === 'conflict', posted.result);
    if (posted.result === 'ok') {
      const applied = (posted.op as Missed['op'] | undefined)?.edits[0] ?? edit;
      assert.equal(oracle.forbids(name, applied, now).must, false, 'kept for another');
      oracle.accepted(name, applied);
      length += applied[2].length - applied[1];
      lengths.set(posted.version, length);
    } else if (posted.reserved && posted.reserved.holder !== name) {
      turnedAway++;
      assert(base < there.version || oracle.forbids(name, edit, now).may, 'nothing is kept there');
      assert.deepEqual(posted.with, [{ version: there.version, clientId: posted.reserved.holder, ...oracle.place }]);
    } else if (posted.reserved) {
      const between = (posted.missed as readonly Missed[]).flatMap(({ op }) => op.edits);
      oracle.granted(name, edit, between, now);
    }
    seen[who] = there.version;
  }
  return turnedAway;
}

type Missed = { readonly op: { readonly edits: readonly Edit[] } };

describe('reservations in texts, played at random', () => {
  it('[RV3] whatever is written around it: what touches it is refused, nothing else is, and it is where the edits have moved it', async function () {
    this.timeout(120_000);
    let turnedAway = 0;
    const steps = fc.array(step, { minLength: 100, maxLength: 300, size: 'max' });
    const property = fc.asyncProperty(steps, async (all) => {
      turnedAway += await play(all);
    });
    await fc.assert(property, { numRuns: 30, seed: 24 });
    assert.ok(turnedAway > 50, `only ${turnedAway} were turned away`);
  });
});
