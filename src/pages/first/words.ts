import type { Outcome, Status } from '../../client/connect.ts';

/** `state`: as the style of the page has them. */
export type Words = { readonly state: 'live' | 'wait' | 'trouble'; readonly text: string };

export type Standing = {
  readonly status: Status;
  /** Why the space is closed for good. */
  readonly failure: unknown;
  /** What went wrong last, and is tried again. */
  readonly trouble: unknown;
};

export function wordsOfStanding({ status, failure, trouble }: Standing): Words {
  if (failure !== undefined) return { state: 'trouble', text: messageOf(failure) };
  switch (status) {
    case 'live':
      return { state: 'live', text: 'live' };
    case 'catching-up':
      return { state: 'wait', text: 'catching up' };
    case 'not-saved':
      return { state: 'trouble', text: `changes wait: ${messageOf(trouble)}` };
    case 'offline':
      return { state: 'trouble', text: messageOf(trouble) };
  }
}

export function wordsOfOutcome(outcome: Outcome): Words {
  const { item, result } = outcome;
  if (result === 'ok') {
    const { version, durableVersion } = outcome;
    const stored = durableVersion >= version ? 'stored' : 'in the cache, soon stored';
    return { state: 'live', text: `${item} is at version ${version}, ${stored}` };
  }
  if (result === 'closed') return { state: 'trouble', text: `${item} not sent: the space is not open` };
  const why = 'detail' in outcome ? outcome.detail : undefined;
  return { state: 'trouble', text: why === undefined ? `${item} ${result}` : `${item} ${result}: ${why}` };
}

function messageOf(error: unknown): string {
  return (error instanceof Error && error.message) || 'no answer';
}
