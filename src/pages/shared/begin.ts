import { realClock, realFraction } from '../../client/system.ts';
import { find } from './dom.ts';
import { Notices } from './notices.ts';
import { Session, takeToken } from './session.ts';

/** What every page of a space begins with: who its user is, and where words to them go. */
export function begin(title: string): { readonly session: Session; readonly notices: Notices } {
  const session = new Session(sessionStorage, localStorage, realFraction);
  const notices = new Notices(find('notices', HTMLElement), find('spoken', HTMLElement), realClock);
  const left = takeToken(location.hash, session);
  if (left !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}${left}`);
  document.title = `${title} · Longshore`;
  return { session, notices };
}
