import type { Status } from '../../client/connect.ts';

export type Saving = {
  readonly status: Status;
  /** The server has refused for good; nothing is tried again. */
  readonly closed: boolean;
  /** Items with changes that the server has not acknowledged. */
  readonly unsent: number;
  /** Items of which the newest version is not in the server's store yet. */
  readonly unstored: number;
};

export type Shown = {
  readonly tone: 'good' | 'busy' | 'bad';
  readonly text: string;
  /** The same for those who ask what it means. */
  readonly detail: string;
};

/** The state of the connection and of what was changed, in words. */
export function describeSaving({ status, closed, unsent, unstored }: Saving): Shown {
  const kept = unsent === 0 ? '' : ` · ${count(unsent)} kept`;
  const keeps = 'Changes are kept in this window and sent as soon as it can be done, also after a reload.';
  if (closed)
    return { tone: 'bad', text: `Not open${kept}`, detail: 'The server has refused. Reload the page to try again.' };
  switch (status) {
    case 'offline':
      return { tone: 'bad', text: `Offline${kept}`, detail: `The server cannot be reached. ${keeps}` };
    case 'not-saved':
      return {
        tone: 'bad',
        text: `Not saved${kept}`,
        detail: `News come in, but changes do not get through. ${keeps}`,
      };
    case 'catching-up':
      return { tone: 'busy', text: `Catching up${kept}`, detail: 'Reading what is there.' };
    case 'live':
      if (unsent > 0) return { tone: 'busy', text: 'Saving…', detail: `${count(unsent)} on the way to the server.` };
      if (unstored > 0) {
        const detail = `The server has everything; ${count(unstored)} will be in its store within seconds.`;
        return { tone: 'good', text: `Saved · ${unstored} being stored`, detail };
      }
      return { tone: 'good', text: 'Saved', detail: 'Everything is in the store of the server.' };
  }
}

function count(changes: number): string {
  return changes === 1 ? '1 change' : `${changes} changes`;
}
