import { connect, RefusedError, type Space, webStorage } from '../../client/connect.ts';
import { realClock, realFraction } from '../../client/system.ts';
import { find } from '../shared/dom.ts';
import { Notices } from '../shared/notices.ts';
import type { Said } from '../shared/people.ts';
import { Session, takeToken } from '../shared/session.ts';
import { askForToken } from '../shared/sign-in.ts';
import { Board } from './board.ts';

const name = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const session = new Session(sessionStorage, localStorage, realFraction);
const notices = new Notices(find('notices', HTMLElement), find('spoken', HTMLElement), realClock);

const WHY: { readonly [status: number]: string } = {
  401: 'This server asks who you are.',
  403: 'You may not do this here with the token that was given.',
  404: 'With the token that was given there is no such board.',
};

function open(): Space {
  const said: Said = { name: session.name, cursor: null };
  const { token } = session;
  const space = connect({
    url: location.origin,
    space: name,
    name: said.name,
    data: said,
    durable: true,
    storage: webStorage(sessionStorage, `board:${name}`),
    ...(token !== undefined && { token }),
  });
  space.on('error', () => {
    const { failure } = space;
    if (failure === undefined) return; // it is tried again
    const why = failure instanceof RefusedError ? WHY[failure.status] : undefined;
    if (why === undefined) return notices.show('This board cannot be opened. Reload the page to try again.');
    session.token = undefined;
    void askForToken(session, why).then(() => location.reload());
  });
  return space;
}

const left = takeToken(location.hash, session);
if (left !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}${left}`);
document.title = `${name} · Longshore`;
find('space', HTMLElement).textContent = name;

const space = open();
new Board({ space, session, notices, now: () => realClock.monotonic() });
// What it holds is free for others at once; what was not sent is in the storage.
addEventListener('pagehide', () => space.close());
addEventListener('pageshow', (event) => event.persisted && location.reload());
