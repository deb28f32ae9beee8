import { register } from '../../client/connect.ts';
import { picture } from '../../client/picture-kind.ts';
import { realClock } from '../../client/system.ts';
import { begin } from '../shared/begin.ts';
import { openSpace } from '../shared/open-space.ts';
import { Drawing } from './drawing.ts';

const { spaceName, itemName, session, notices } = begin();
const ending = new AbortController();
const space = openSpace({
  ...{ name: spaceName, noun: 'picture', storage: `picture:${spaceName}`, session, notices },
  more: { kinds: [register, picture] },
});
new Drawing({ space, spaceName, itemName, session, notices, clock: realClock, signal: ending.signal });
addEventListener('pagehide', () => ending.abort());
