import type { Kind, Since } from '../kinds/kind.ts';
import { meet, type Places } from '../kinds/places.ts';
import type { Contest, Refusals, Reservation } from '../model/head.ts';
import { reservationKey } from '../model/keys.ts';
import { decodeLease, encodeLease } from '../model/lease-record.ts';
import {
  MAX_REFUSED_WRITERS,
  MAX_RESERVED_PLACES,
  REFUSALS_KEPT_MS,
  RESERVATION_MS,
  RESERVE_AFTER_REFUSALS,
} from '../protocol/limits.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { Deps } from './context.ts';
import type { Refusal, Verdict } from './decide-update.ts';
import { deltaAnswer } from './delta-answer.ts';
import type { Past } from './past.ts';
import type { ClientName } from './people-types.ts';
import { type SpaceDeps, settingsSource } from './spaces/settings.ts';
import type { Turn } from './write-turn.ts';

type Accept = Verdict & { readonly kind: 'accept' };
type Conflict = UpdateResult & { readonly result: 'conflict' };

/**
 * Places of a text that are kept for a moment for who was refused there again and again. Who was refused where, and what is reserved, stands in the head, under `cas`, and
 * goes with the edits as positions do; that a reservation lasts is a record of its own, which ends by the clock of the cache. Advisory: losing either of
 * them lets others in early, and does no more harm than that. Where nobody was refused there is nothing in the head, and nothing to look at.
 */
export class Reservations {
  readonly #deps: SpaceDeps;

  constructor(deps: SpaceDeps) {
    this.#deps = deps;
  }

  /** A verdict with what reservations have to say to it: at once where that is nothing. */
  judge(turn: Turn, verdict: Verdict, state: unknown, since: Past): Verdict | Promise<Verdict> {
    const { head } = turn.held;
    if (verdict.kind === 'accept') {
      return head.contest ? this.#accepted(turn, verdict, head.contest, since) : verdict;
    }
    if (verdict.kind !== 'refuse' || !turn.fresh || !turn.request.writer) return verdict;
    const { result } = verdict;
    const places = this.#deps.kinds.get(head.kind)?.places;
    if (result.result !== 'conflict' || !('with' in result) || !places || !since || since === 'lost') return verdict;
    const settings = settingsSource(this.#deps);
    const known = settings.known(turn.space.id);
    if (known && !known.textReservations) return verdict;
    const at = places.contested(state, turn.request.update?.op, since as readonly Since[], MAX_RESERVED_PLACES);
    return Promise.resolve(known ?? settings.load(turn.space.id)).then(({ textReservations }) =>
      textReservations && at.length > 0 ? this.#refused(turn, { ...verdict, result }, at) : verdict,
    );
  }

  async #accepted(turn: Turn, verdict: Accept, contest: Contest, since: Past): Promise<Verdict> {
    const { itemKind, applied } = verdict;
    const key = turn.request.writer?.key;
    let { kept } = contest;
    if (kept && kept.key !== key && itemKind.places?.touched(kept.at, applied.delta, applied.state)) {
      if (await this.#lasts(turn, kept)) return this.#turnedAway(turn, kept, since);
      kept = undefined;
    }
    return { ...verdict, contest: contestAfter(itemKind, { ...contest, kept }, verdict, key, turn.request.now) };
  }

  /** Nobody's edit is in the way of this one. It counts for no reservation of its sender. */
  #turnedAway({ held: { head }, request, fresh }: Turn, kept: Reservation, since: Past): Refusal {
    if (fresh) this.#deps.metrics.count('reserved_refusals'); // else it is judged again
    const missed = since === undefined || since === 'lost' ? [] : since.map(deltaAnswer);
    const result: UpdateResult = {
      item: request.item,
      version: head.v,
      durableVersion: head.pv,
      result: 'conflict',
      with: kept.at.map(([from, to]) => ({ version: head.v, clientId: kept.holder, from, to })),
      missed,
      reserved: { holder: kept.holder, ttlMs: leftOf(kept, request.now) },
    };
    return { kind: 'refuse', result };
  }

  async #refused(turn: Turn, refusal: Refusal & { result: Conflict }, at: Places): Promise<Verdict> {
    const { request, held } = turn;
    const { writer } = request;
    if (!writer) return refusal;
    const contest = held.head.contest ?? { rows: [] };
    const rows = contest.rows.filter((row) => row.key !== writer.key && !isOld(row, request.now));
    const before = contest.rows.find((row) => row.key === writer.key && !isOld(row, request.now));
    const times = 1 + (before && meet(before.at, at) ? before.times : 0);
    const counted = [...rows, { key: writer.key, times, at, t: request.now }].slice(-MAX_REFUSED_WRITERS);
    const isOthers = contest.kept && contest.kept.key !== writer.key && (await this.#lasts(turn, contest.kept));
    if (times < RESERVE_AFTER_REFUSALS || isOthers) return { ...refusal, contest: { ...contest, rows: counted } };
    const kept = await this.#reserve(turn, { key: writer.key, holder: writer.client, at });
    const reserved = { holder: writer.client, ttlMs: RESERVATION_MS };
    return { ...refusal, result: { ...refusal.result, reserved }, contest: { rows, kept } };
  }

  /** The lease first: what the head says counts only with it. */
  async #reserve(
    { space, request }: Turn,
    { key, holder, at }: Pick<Reservation, 'key' | 'holder' | 'at'>,
  ): Promise<Reservation> {
    const { cache, random, metrics } = this.#deps;
    const kept = { key, holder, grant: random.id(), at, untilMs: request.now + RESERVATION_MS };
    const lease = { grant: kept.grant, holder, subject: request.subject ?? '', untilMs: kept.untilMs };
    await cache.set(reservationKey(space.id, key), encodeLease(lease), RESERVATION_MS / 1_000);
    metrics.count('places_reserved');
    return kept;
  }

  async #lasts({ space }: Turn, { key, grant }: Reservation): Promise<boolean> {
    const [entry] = await this.#deps.cache.get([reservationKey(space.id, key)]);
    return entry !== undefined && decodeLease(entry.value).grant === grant;
  }
}

/** Whoever has left has nothing reserved any more. */
export async function endReservation(
  { cache }: Pick<Deps, 'cache'>,
  space: string,
  { subject, client }: ClientName,
): Promise<void> {
  await cache.delete(reservationKey(space, `${subject}/${client}`));
}

/** What is left after an accepted edit, moved by it: of its own writer nothing, and nothing that is old. */
function contestAfter(
  { places }: Kind,
  { rows, kept }: Contest,
  { applied: { delta, state } }: Accept,
  key: string | undefined,
  now: number,
): Contest | undefined {
  if (!places) return undefined;
  const move = <Placed extends { readonly at: Places }>(placed: Placed): Placed => {
    return { ...placed, at: places.moved(placed.at, delta, state) };
  };
  const left = rows.filter((row) => row.key !== key && !isOld(row, now)).map(move);
  const stays = kept && kept.key !== key && now < kept.untilMs + REFUSALS_KEPT_MS ? move(kept) : undefined;
  if (left.length === 0 && !stays) return undefined;
  return { rows: left, ...(stays ? { kept: stays } : {}) };
}

function isOld({ t }: Refusals, now: number): boolean {
  return now - t > REFUSALS_KEPT_MS;
}

function leftOf({ untilMs }: Reservation, now: number): number {
  return Math.min(Math.max(0, untilMs - now), RESERVATION_MS);
}

/** A refusal that is answered again, with what was found out anew of what came in between; a reservation is told as it was at first. */
export function refusedAsBefore(first: UpdateResult, now: Verdict | undefined, version: number): UpdateResult {
  if (first.result !== 'conflict' || !now) return first;
  const { reserved } = first;
  const again = now.kind === 'refuse' ? now.result : undefined;
  if (again?.result === 'conflict') return { ...again, ...(reserved === undefined ? {} : { reserved }) };
  if (reserved === undefined || now.kind !== 'accept') return again ?? first;
  // What was reserved is free by now, and nothing else is in the way.
  return { ...first, version, with: [], missed: (now.missed as { missed?: unknown } | undefined)?.missed ?? [] };
}
