import { set } from '../../client/set.ts';
import { realClock, realFraction } from '../../client/system.ts';
import { begin } from '../shared/begin.ts';
import { openSpace } from '../shared/open-space.ts';
import { SetPage } from './set-page.ts';

const { spaceName, itemName, session, notices } = begin();
const ending = new AbortController();
const space = openSpace({
  ...{ name: spaceName, noun: 'set', storage: `set:${spaceName}/${itemName}`, session, notices },
  more: { kinds: [set] },
});
new SetPage({
  ...{ space, spaceName, itemName, session, notices },
  ...{ clock: realClock, fraction: realFraction, signal: ending.signal },
});
addEventListener('pagehide', () => ending.abort());
