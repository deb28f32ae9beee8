/** How often things happen, from what clients do: pure formulas, each checked by the simulation. */

export type Load = {
  readonly clients: number;
  /** Updates of each client per second. */
  readonly rate: number;
  readonly perSpace: number;
  /** Items of a space that are being changed: the updates of its clients spread over them. */
  readonly itemsPerSpace: number;
  /** Shares: of clients that join, of spaces with a picture that somebody draws on. */
  readonly joined: number;
  readonly drawing: number;
  /** N, seconds. */
  readonly persist: number;
  /** Between client and instance, there and back, seconds. */
  readonly roundTrip: number;
};

/** How often an instance looks whether others changed something, seconds. */
export const PULSE_SECONDS = 0.1;
/** A parked poll looks again after this, without any hint, seconds. */
const SAFETY_SECONDS = 2;
/** A space that an instance has nothing to do with is watched and known for so much longer, seconds. */
const KEPT_SECONDS = 60;
/** Numbers reserved by one store write. */
const RESERVED = 1_024;

/** Of so many instances, how many hold a poll of a space whose clients came to any of them. */
export function instancesPerSpace(instances: number, perSpace: number): number {
  return instances * (1 - (1 - 1 / instances) ** perSpace);
}

/**
 * Answers per second that one client gets where its space changes `u` times a second, at random. What comes while nobody waits, or before the next look, is in one answer.
 * Changes made at the same instance are noticed at once, others with the next look at the pulse.
 */
export function answersPerClient(u: number, instances: number, roundTrip: number): number {
  if (u === 0) return 0;
  const here = 1 / (roundTrip + Math.exp(-u * roundTrip) / u);
  const away = Math.max(1, Math.ceil(roundTrip / PULSE_SECONDS)) * PULSE_SECONDS;
  const elsewhere = 1 / (away + (Math.exp(-u * away) * PULSE_SECONDS) / (1 - Math.exp(-u * PULSE_SECONDS)));
  return here / instances + elsewhere * (1 - 1 / instances);
}

export type Waiting = {
  /** Changes of the space per second, and among how many instances they are made. */
  readonly u: number;
  readonly instances: number;
  /** Clients of the space at one instance, and answers that each of them gets per second. */
  readonly here: number;
  readonly answers: number;
  readonly roundTrip: number;
};

/**
 * Looks per second of a space at an instance that have something to tell. One for each look at the pulse that found news, and for each change made here, serve whoever
 * waits; a client that was away when the news came has one of its own when it is back.
 */
export function toldLooksPerPair({ u, instances, here, answers, roundTrip }: Waiting): number {
  const made = u / instances;
  const newsInPulse = 1 - Math.exp(-(u - made) * PULSE_SECONDS);
  const shared = newsInPulse / PULSE_SECONDS + made;
  if (shared === 0) return 0;
  const pulseWhileAway = (made / shared) * Math.min(1, roundTrip / PULSE_SECONDS) * newsInPulse;
  const missed = Math.min(1, 1 - Math.exp(-made * roundTrip) + pulseWhileAway);
  return Math.min(here * answers, shared + here * answers * missed);
}

/** Looks per second of a space at an instance because nothing was looked at for two seconds; `told`: the others. */
export function safetyLooksPerPair(told: number): number {
  return told === 0 ? 1 / SAFETY_SECONDS : told / Math.expm1(SAFETY_SECONDS * told);
}

/**
 * Rows written per update of an item that is changed `r` times a second at random, with N seconds between writes: an opening takes two, a closing after 2 N of
 * stillness one, and between them one N after the first change that is not stored.
 */
export function writesPerUpdate(r: number, persist: number): number {
  const closes = Math.exp(-2 * r * persist);
  return 3 * closes + (1 - closes) / (1 + r * persist) + 1 / RESERVED;
}

/** Spaces that are watched at an instance, over all of them, where `visits` polls per second of a space go to any instance: a space stays watched for a while. */
export function watchedPairs(spaces: number, visits: number, instances: number): number {
  return spaces * instances * -Math.expm1((-KEPT_SECONDS * visits) / instances);
}

/** How likely an instance has not heard of a space for so long that it begins with it anew, where `visits` per second go to any instance. */
export function strangeShare(visits: number, instances: number): number {
  return Math.exp((-KEPT_SECONDS * visits) / instances);
}

/** How likely another writer comes between a writer's reading of an item and its writing, `window` seconds later. */
export function conflictShare(r: number, window: number): number {
  return 1 - Math.exp(-r * window);
}
