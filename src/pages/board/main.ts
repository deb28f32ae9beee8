import { realClock, realFraction } from '../../client/system.ts';
import { find } from '../shared/dom.ts';
import { Notices } from '../shared/notices.ts';
import { openSpace } from '../shared/open-space.ts';
import { Session, takeToken } from '../shared/session.ts';
import { Board } from './board.ts';
import { Images } from './images.ts';

const name = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const session = new Session(sessionStorage, localStorage, realFraction);
const notices = new Notices(find('notices', HTMLElement), find('spoken', HTMLElement), realClock);

const left = takeToken(location.hash, session);
if (left !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}${left}`);
document.title = `${name} · Longshore`;
find('space', HTMLElement).textContent = name;

const space = openSpace({ name, what: 'board', session, notices, durable: true });
new Board({ space, session, notices, images: new Images(name, session), now: () => realClock.monotonic() });
// What it holds is free for others at once; what was not sent is in the storage.
addEventListener('pagehide', () => space.close());
addEventListener('pageshow', (event) => event.persisted && location.reload());
