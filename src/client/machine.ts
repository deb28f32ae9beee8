/**
 * What the connection to a space is doing. Pure: the reader and the sender report events, and ask what they may do.
 *
 *               joined, page                upToDate
 *   joining ──────────────▶ catchingUp ──────────────▶ live ◀─┐
 *    │   ▲                    │ ▲   ▲                   │ │   │ upToDate
 *    │   │ leftOut            │ │   └── page, reset ─────┘ │   │
 *    │   └── (from any) ──────┼─┼────────────────────┐     │   │
 *    │ readFailed             │ │ page               │     │   │
 *    └──────────▶ offline ◀───┘─┘                    │     │   │
 *                    ▲  └────────────────────────────┼─────┼───┘
 *                    └──────────── readFailed ───────┼─────┘
 *   any ── close, for good ──▶ closed
 *
 * Beside it, two facts about sending:
 *   doubt   a request may or may not have been carried out. It is sent again only after an answer has told whether the server still
 *           knows what it knew: after a loss of its cache, what was lost has to be restored first. Ends with `upToDate`.
 *   stuck   the last attempt to send has failed. Ends with `sent`.
 */
export type Link = 'joining' | 'catchingUp' | 'live' | 'offline' | 'closed';

export type State = { readonly link: Link; readonly doubt: boolean; readonly stuck: boolean };

export type Event =
  | 'joined'
  | 'page'
  | 'reset'
  | 'upToDate'
  | 'readFailed'
  | 'leftOut'
  | 'sendFailed'
  | 'sent'
  | 'closed';

/** `not-saved`: news come in, but what was changed here does not get through. */
export type Status = 'live' | 'catching-up' | 'offline' | 'not-saved';

export const BEGIN: State = { link: 'joining', doubt: false, stuck: false };

export function step(state: State, event: Event): State {
  if (state.link === 'closed') return state;
  switch (event) {
    case 'joined':
    case 'page':
    case 'reset':
      return { ...state, link: 'catchingUp' };
    case 'upToDate':
      return { ...state, link: 'live', doubt: false };
    case 'readFailed':
      return { ...state, link: 'offline' };
    case 'leftOut':
      return { ...state, link: 'joining' };
    case 'sendFailed':
      return { ...state, doubt: true, stuck: true };
    case 'sent':
      return { ...state, stuck: false };
    case 'closed':
      return { link: 'closed', doubt: false, stuck: false };
  }
}

/** Nothing is sent over what has not been seen: a write would come before the restoring of what it builds on. */
export function maySend({ link, doubt }: State): boolean {
  return link === 'live' && !doubt;
}

/** A poll may be parked only where the connection is known to stand; else its silence would tell nothing. */
export function mayWait(state: State): boolean {
  return maySend(state);
}

export function statusOf({ link, stuck }: State): Status {
  if (link === 'live') return stuck ? 'not-saved' : 'live';
  return link === 'offline' || link === 'closed' ? 'offline' : 'catching-up';
}
