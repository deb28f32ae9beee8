import { register } from '../../client/connect.ts';
import { picture } from '../../client/picture-kind.ts';
import { realClock, realFraction } from '../../client/system.ts';
import { find } from '../shared/dom.ts';
import { Notices } from '../shared/notices.ts';
import { openSpace } from '../shared/open-space.ts';
import { Session, takeToken } from '../shared/session.ts';
import { Drawing } from './drawing.ts';

const [spaceName = '', itemName = ''] = location.pathname.split('/').slice(2).map(decodeURIComponent);
const session = new Session(sessionStorage, localStorage, realFraction);
const notices = new Notices(find('notices', HTMLElement), find('spoken', HTMLElement), realClock);
const ending = new AbortController();

const left = takeToken(location.hash, session);
if (left !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}${left}`);
document.title = `${itemName} · Longshore`;
find('space', HTMLElement).textContent = itemName;

const space = openSpace({
  name: spaceName,
  what: 'picture',
  session,
  notices,
  durable: true,
  kinds: [register, picture],
});
new Drawing({ space, spaceName, itemName, session, notices, clock: realClock, signal: ending.signal });
addEventListener('pagehide', () => {
  ending.abort();
  space.close();
});
addEventListener('pageshow', (event) => event.persisted && location.reload());
