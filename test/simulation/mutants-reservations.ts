import { change, type Mutant, mutant } from './mutant.ts';

/** Texts are not among what the simulator plays at random: for each of these there is a schedule. */
export const RESERVATION_MUTANTS: readonly Mutant[] = [
  mutant(
    'nothingInTheWay',
    'What is reserved for one writer is refused to the others.',
    undefined,
    change('reservations', 'if (await this.#lasts(turn, kept)) return this.#turnedAway(turn, kept, since);', ''),
  ),
  mutant(
    'placeStands',
    'A reservation moves with the edits before it.',
    undefined,
    change(
      'reservations',
      'now < kept.untilMs + REFUSALS_KEPT_MS ? move(kept) : undefined',
      'now > 0 ? kept : undefined',
    ),
  ),
  mutant(
    'leaseUnasked',
    'A reservation ends with its lease.',
    undefined,
    change(
      'reservations',
      'return entry !== undefined && decodeLease(entry.value).grant === grant;',
      'return entry !== grant;',
    ),
  ),
  mutant(
    'anyLeaseOfTheWriter',
    'The lease of another reservation keeps none alive.',
    undefined,
    change('reservations', 'decodeLease(entry.value).grant === grant', "grant !== ''"),
  ),
  mutant(
    'holderKeepsOn',
    'A reservation ends with the next edit of its holder.',
    undefined,
    change('reservations', 'const stays = kept && kept.key !== key &&', 'const stays = kept &&'),
  ),
  mutant(
    'refusedAnywhere',
    'Only refusals at one place are in a row.',
    undefined,
    change('reservations', 'before && meet(before.at, at) ? before.times : 0', 'before ? before.times : 0'),
  ),
  mutant(
    'rowStands',
    'The place of a refusal moves with the edits before it.',
    undefined,
    change('reservations', '!isOld(row, now)).map(move);', '!isOld(row, now));'),
  ),
  mutant(
    'rowGoesOn',
    'An accepted edit ends the row of refusals of its sender.',
    undefined,
    change(
      'reservations',
      'rows.filter((row) => row.key !== key && !isOld(row, now))',
      'rows.filter((row) => !isOld(row, now))',
    ),
  ),
  mutant(
    'twoAtOnce',
    'What is reserved stays so while somebody else is refused.',
    undefined,
    change(
      'reservations',
      'if (times < RESERVE_AFTER_REFUSALS || isOthers) return',
      'if (times < RESERVE_AFTER_REFUSALS) return',
    ),
  ),
  mutant(
    'countedTwice',
    'A repeat of a refusal does not count.',
    undefined,
    change(
      'write-update',
      "if (repeat.kind === 'repeat' && isRefusal(repeat.extra)) return this.#refusedAgain(turn, repeat.extra.refused);",
      "if (repeat.kind === 'repeat' && isRefusal(repeat.extra)) return this.#judge(turn, await this.#values.stateOf(space.id, request.item, held));",
    ),
  ),
];
