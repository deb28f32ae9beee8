import type { Head } from '../model/head.ts';
import type { GetUpdatesResponse, MustReset } from '../protocol/get-updates.ts';
import type { Answer } from './engine-types.ts';
import type { Filter } from './filter.ts';
import type { Marker } from './marker.ts';

/** One question about a space. Polls that ask the same share it. */
export type Question = {
  /** `undefined`: everything; `now`: only what comes. */
  readonly marker: Marker | 'now' | undefined;
  /** The cache record that holds what the marker's chain has seen, where it was too much for the marker. */
  readonly spill: string | undefined;
  /** Why an unusable marker makes this a reset. */
  readonly reset: MustReset['reason'] | undefined;
  readonly filter: Filter;
  readonly limit: number;
  readonly known: Readonly<Record<string, number>> | undefined;
  /** Whether what became durable is reason enough to answer. */
  readonly durable: boolean;
};

export type Evaluated = {
  /** There is something to say. */
  readonly news: boolean;
  /** The answer is a page in the middle: whoever has it must look again at once. */
  readonly more: boolean;
  /** The marker to go on with, where nothing is said now. */
  readonly marker: Marker;
  /** `key`: of the question. */
  readonly answer: (key: string) => Promise<Given>;
};

/** What is to be said, but for the items and the marker. */
export type Frame = Omit<GetUpdatesResponse, 'items' | 'marker'>;

/** An answer, and the marker in it: not always that of this look, where the same was said before. */
export type Given = { readonly answer: Answer; readonly marker: Marker };

/** What one look at a space has read and said already, for the questions that come after. */
export type Look = { readonly heads: Map<string, Head>; readonly resets: Map<string, Promise<Evaluated>> };

export function newLook(): Look {
  return { heads: new Map(), resets: new Map() };
}

/** Equal keys mean equal questions. */
export function questionKey(markerText: string, question: Pick<Question, 'filter' | 'limit' | 'durable'>): string {
  return `${markerText}|${question.filter.hash}|${question.limit}|${question.durable ? 'd' : ''}`;
}
