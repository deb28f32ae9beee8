import { type ConnectOptions, connect, RefusedError, type Space, webStorage } from '../../client/connect.ts';
import { ofTab } from './areas.ts';
import type { Notices } from './notices.ts';
import type { Said } from './people.ts';
import type { Session } from './session.ts';
import { askForToken } from './sign-in.ts';

export type OpenOptions = {
  readonly name: string;
  /** What the page calls what it shows: `board`. */
  readonly noun: string;
  /** Of what was not sent; other pages of this tab have others. */
  readonly storage: string;
  readonly session: Session;
  readonly notices: Notices;
  readonly more?: Partial<ConnectOptions>;
};

/** Follows a space as the user of the page, and asks for a token where the server wants another one. Left and come back to, the page begins anew. */
export function openSpace({ name, noun, storage, session, notices, more }: OpenOptions): Space {
  const said: Said = { name: session.name, cursor: null };
  const { token } = session;
  const space = connect({
    url: location.origin,
    space: name,
    name: said.name,
    data: said,
    durable: true,
    storage: webStorage(ofTab, storage),
    ...(token !== undefined && { token }),
    ...more,
  });
  const why: { readonly [status: number]: string } = {
    401: 'This server asks who you are.',
    403: 'You may not do this here with the token that was given.',
    404: `With the token that was given there is no such ${noun}.`,
  };
  space.on('error', () => {
    const { failure } = space;
    if (failure === undefined) return; // it is tried again
    const reason = failure instanceof RefusedError ? why[failure.status] : undefined;
    if (reason === undefined) return notices.show(`This ${noun} cannot be opened. Reload the page to try again.`);
    session.token = undefined;
    void askForToken(session, reason).then(() => location.reload());
  });
  // What it holds is free for others at once; what was not sent is in the storage.
  addEventListener('pagehide', () => space.close());
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  return space;
}
