import { realClock, realFraction } from '../../client/system.ts';
import { ofBrowser, ofTab } from './areas.ts';
import { find } from './dom.ts';
import { Notices } from './notices.ts';
import { Session, takeToken } from './session.ts';

export type Beginning = {
  /** As the address names them; `item` is empty on pages of a space. */
  readonly spaceName: string;
  readonly itemName: string;
  readonly session: Session;
  readonly notices: Notices;
};

/** What every page of a space begins with: what it shows, who its user is, and where words to them go. */
export function begin(): Beginning {
  const [spaceName = '', itemName = ''] = location.pathname.split('/').slice(2).map(decodeURIComponent);
  const session = new Session(ofTab, ofBrowser, realFraction);
  const notices = new Notices(find('notices', HTMLElement), find('spoken', HTMLElement), realClock);
  const left = takeToken(location.hash, session);
  if (left !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}${left}`);
  const title = itemName || spaceName;
  document.title = `${title} · Longshore`;
  find('title', HTMLElement).textContent = title;
  if (itemName !== '') showSpace(spaceName);
  return { spaceName, itemName, session, notices };
}

/** An item tells where it is. */
function showSpace(name: string): void {
  const line = find('in', HTMLElement);
  const link = line.querySelector('a');
  if (link === null) return;
  link.textContent = name;
  link.href = `/board/${encodeURIComponent(name)}`;
  line.hidden = false;
}
