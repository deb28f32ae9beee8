import type { Window } from './fleet.ts';

/** What was seen while something went on. The bytes are those between clients and instances, HTTP headers included. */
export type Seen = Window & {
  /** Or, of cold polls, those. */
  readonly posts: number;
  readonly postReceived: number;
  readonly postSent: number;
  /** Answers with news, over all polls. */
  readonly answers: number;
  readonly pollReceived: number;
  readonly pollSent: number;
  /** Spaces that somebody waits for, counted at each instance. */
  readonly pairs: number;
  readonly clients: number;
  readonly drawn: number;
};

export type Raw = {
  /** Nobody is there. */
  readonly bare: Seen;
  /** Polls waited, and are gone; their spaces are watched still. */
  readonly watched: Seen;
  /** Polls wait, nothing happens. */
  readonly rest: Seen;
  /** The same, by clients that joined. */
  readonly joined: Seen;
  /** Posts, nobody waits, and nothing is stored. */
  readonly posts: Seen;
  /** The same, and each item is stored every second. */
  readonly stored: Seen;
  /** Posts, and polls of each space at each instance. */
  readonly moving: Seen;
  /** The first post, and the first poll, of each space at an instance that has not heard of it for a while. */
  readonly coldPosts: Seen;
  readonly coldPolls: Seen;
  /** Pictures that are drawn on. */
  readonly drawing: Seen;
  readonly memory: { readonly perSpace: number; readonly perItem: number };
};
