import { realClock } from '../../client/system.ts';
import { begin } from '../shared/begin.ts';
import { find } from '../shared/dom.ts';
import { openSpace } from '../shared/open-space.ts';
import { Board } from './board.ts';
import { Images } from './images.ts';

const name = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const { session, notices } = begin(name);
find('space', HTMLElement).textContent = name;
const space = openSpace({ name, noun: 'board', storage: `board:${name}`, session, notices });
new Board({ space, session, notices, images: new Images(name, session), now: () => realClock.monotonic() });
