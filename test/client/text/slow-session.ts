import assert from 'node:assert/strict';
import type { TextAnswer } from '../../../src/client/text/text-copy.ts';
import { DEFAULT_SETTINGS } from '../../../src/core/people-types.ts';
import type { PostUpdateRequest } from '../../../src/protocol/post-update.ts';
import { Seeded } from '../../simulation/seeded.ts';
import { EngineWorld } from '../../support/engine-fixture.ts';
import { type Calls, closedLoop, Log, type Tally, Writer } from './loop.ts';
import type { Intent, Recording, Replayed } from './recording.ts';
import { editsOf, missedBy, RefusalRows } from './refusal-rows.ts';

/** As in the recordings, where somebody makes an edit every 0.13 s. */
export const TICK_MS = 133;
export const QUICK_LAG = 5;
const ITEM = 'text';

/** What people do, one after the other; `people` of them. */
export type Session = {
  readonly people: number;
  readonly start: string;
  readonly intents: readonly Intent[];
  text(ids: readonly number[]): string;
};

export type Played = {
  readonly slow: Tally;
  /** The others, together. */
  readonly quick: Tally;
  /** Most refusals in a row at one place, whoever's. */
  readonly longest: number;
  readonly reservations: number;
  /** Refused for the sake of a reservation alone. */
  readonly turnedAway: number;
};

/** What a writer asks of a server, asked of an engine with a clock that moves when told; refusals are counted on the way. */
class EngineCalls implements Pick<Calls, 'send'> {
  readonly world = new EngineWorld();
  readonly rows: RefusalRows;

  constructor(length: number, reserving: boolean) {
    this.rows = new RefusalRows(length);
    this.world.settings = { ...DEFAULT_SETTINGS, textReservations: reserving };
  }

  async send<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    if (method === 'GET') {
      const marker = new URL(path, 'http://engine').searchParams.get('marker');
      return (await this.world.poll(marker === null ? {} : { marker })) as T;
    }
    const request = body as PostUpdateRequest & { readonly clientId: string };
    const response = await this.world.postAll(request);
    const edits = editsOf(request.updates[0]?.op);
    const answer = response.results[0] as TextAnswer & { op?: unknown; reserved?: { holder: string } };
    if (answer.result === 'ok') this.rows.accepted(request.clientId, answer.op ? editsOf(answer.op) : edits);
    const isTurnedAway = answer.reserved !== undefined && answer.reserved.holder !== request.clientId;
    if (answer.result === 'conflict' && !isTurnedAway) this.rows.refused(request.clientId, edits, missedBy(answer));
    return response as T;
  }

  count(name: string): number {
    return this.world.at(0).counts.get(name) ?? 0;
  }
}

/** All of them write; `slow` is `lag` edits behind what the others do, they `QUICK_LAG`. */
export async function play(session: Session, slow: number, lag: number, reserving: boolean): Promise<Played> {
  const { people, start, intents, text } = session;
  const log = new Log(start.length);
  const calls = new EngineCalls(start.length, reserving);
  const { clock } = calls.world;
  await calls.world.ok(ITEM, { create: { text: start } }, { kind: 'text' });
  const tallies = Array.from({ length: people }, newTally);
  const writers: Writer[] = [];
  for (const [n, tally] of tallies.entries())
    writers.push(new Writer(`w${n}`, await calls.send('GET', '/'), calls, log, tally, text));
  const began = clock.monotonic();
  const lags = writers.map((_, n) => (n === slow ? lag : QUICK_LAG));
  await closedLoop(writers, intents, lags, (now) => {
    clock.advance(Math.max(0, began + now * TICK_MS - clock.monotonic()));
  });
  calls.rows.finish();
  for (const { copy } of writers) assert.equal(String(copy.shown), String(writers[0]?.copy.shown));
  const quick = newTally();
  for (const [n, each] of tallies.entries()) if (n !== slow) addTo(quick, each);
  const { longest } = calls.rows;
  const [reservations, turnedAway] = [calls.count('places_reserved'), calls.count('reserved_refusals')];
  return { slow: tallies[slow] ?? newTally(), quick, longest, reservations, turnedAway };
}

export function recorded({ startContent = '', numAgents = 1 }: Recording, { intents, characters }: Replayed): Session {
  return { people: numAgents, start: startContent, intents, text: characters.text };
}

/** Everybody writes at the beginning, and nowhere else: the quick one, 0, most of the time, the slow one, 1, now and then. */
export function atOnePlace(): Session {
  const intents: Intent[] = [];
  for (let id = 1; id <= 400; id++) {
    intents.push({ agent: id % 20 === 0 ? 1 : 0, after: 0, insert: [id], remove: [] });
  }
  return { people: 2, start: '', intents, text: (ids) => ids.map((id) => String.fromCharCode(0x4e00 + id)).join('') };
}

/** Keys that somebody types one behind the other. */
const RUN = 8;
const KEYS = 2_000;

/** People in a text of so many characters: each types some keys behind one of them, then behind another, all of them equally often. */
export function inAShortText(people: number, characters: number): Session {
  const random = new Seeded(people);
  const intents: Intent[] = [];
  const typing = Array.from({ length: people }, () => ({ after: 0, left: 0 }));
  for (let id = characters + 1; id <= characters + KEYS; id++) {
    const agent = random.int(people);
    const own = typing[agent] ?? { after: 0, left: 0 };
    if (own.left-- === 0) typing[agent] = { after: random.int(characters), left: RUN };
    const { after } = typing[agent] ?? own;
    intents.push({ agent, after, insert: [id], remove: [] });
    typing[agent] = { after: id, left: typing[agent]?.left ?? 0 };
  }
  const text = (ids: readonly number[]) => ids.map((id) => String.fromCharCode(0x4e00 + id)).join('');
  return { people, start: text(Array.from({ length: characters }, (_, i) => i + 1)), intents, text };
}

function newTally(): Tally {
  return { posts: 0, keys: 0, refused: 0, restored: 0, lost: [] };
}

function addTo(sum: Tally, { posts, keys, refused, restored }: Tally): void {
  sum.posts += posts;
  sum.keys += keys;
  sum.refused += refused;
  sum.restored += restored;
}
