import { realClock } from '../../client/system.ts';
import { begin } from '../shared/begin.ts';
import { openSpace } from '../shared/open-space.ts';
import { Board } from './board.ts';
import { Images } from './images.ts';

const { spaceName: name, session, notices } = begin();
const space = openSpace({ name, noun: 'board', storage: `board:${name}`, session, notices });
new Board({ space, session, notices, images: new Images(name, session), now: () => realClock.monotonic() });
