import { realClock } from '../../client/system.ts';
import { TextDocument, text } from '../../client/text/text.ts';
import { ofTab } from '../shared/areas.ts';
import { begin } from '../shared/begin.ts';
import { openSpace } from '../shared/open-space.ts';
import { EditorPage } from './editor-page.ts';

const { spaceName: name, itemName: item, session, notices } = begin();

const storage = `edit:${name}/${item}`;
const space = openSpace({ name, noun: 'text', storage, session, notices, more: { kinds: [text] } });
const keep = (what: string) => {
  const key = `longshore:${storage}:${what}`;
  return {
    load: () => ofTab.getItem(key) ?? undefined,
    save: (kept: string) => (kept === '' ? ofTab.removeItem(key) : ofTab.setItem(key, kept)),
  };
};
const opened = await TextDocument.open(space, item, { storage: keep('text') });
new EditorPage({ space, text: opened, item, session, notices, clock: realClock, lostStorage: keep('lost') });
