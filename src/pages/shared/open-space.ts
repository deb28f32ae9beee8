import { type ConnectOptions, connect, RefusedError, type Space, webStorage } from '../../client/connect.ts';
import type { Notices } from './notices.ts';
import type { Said } from './people.ts';
import type { Session } from './session.ts';
import { askForToken } from './sign-in.ts';

export type OpenOptions = Pick<ConnectOptions, 'kinds' | 'durable'> & {
  readonly name: string;
  /** What the page shows of it, in a word. */
  readonly what: string;
  readonly session: Session;
  readonly notices: Notices;
};

/** The space of a page: under the name of its user, with what was not sent kept over reloads, and with a token where the server asks for one. */
export function openSpace({ name, what, session, notices, ...more }: OpenOptions): Space {
  const said: Said = { name: session.name, cursor: null };
  const { token } = session;
  const space = connect({
    url: location.origin,
    space: name,
    name: said.name,
    data: said,
    storage: webStorage(sessionStorage, `${what}:${name}`),
    ...more,
    ...(token !== undefined && { token }),
  });
  const why: { readonly [status: number]: string } = {
    401: 'This server asks who you are.',
    403: 'You may not do this here with the token that was given.',
    404: `With the token that was given there is no such ${what}.`,
  };
  space.on('error', () => {
    const { failure } = space;
    if (failure === undefined) return; // it is tried again
    const reason = failure instanceof RefusedError ? why[failure.status] : undefined;
    if (reason === undefined) return notices.show(`This ${what} cannot be opened. Reload the page to try again.`);
    session.token = undefined;
    void askForToken(session, reason).then(() => location.reload());
  });
  return space;
}
