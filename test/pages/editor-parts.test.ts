import assert from 'node:assert/strict';
import { joined } from '../../src/pages/edit/flashes.ts';
import { wordsOfRefusal } from '../../src/pages/edit/refusal-words.ts';
import { describeText, Unsaved } from '../../src/pages/edit/saving.ts';
import { readVisitor } from '../../src/pages/shared/people.ts';

describe('parts of the editor', () => {
  it('[ED35] says saved, saving, or for how long not, from what is stored', () => {
    const unsaved = new Unsaved();
    const note = (isSynced: boolean, version: number, durableVersion: number, now: number) => {
      unsaved.note({ isSynced, version, durableVersion }, now);
      return unsaved.ms(now);
    };
    assert.equal(note(true, 1, 1, 0), undefined);
    assert.equal(note(false, 1, 1, 1_000), 0);
    assert.equal(note(true, 2, 1, 1_500), 500, 'acknowledged, and not stored');
    assert.equal(note(false, 2, 1, 2_000), 1_000);
    assert.equal(note(true, 3, 2, 3_000), 1_000, 'of the second, since it was written');
    assert.equal(note(true, 4, 2, 4_000), 2_000, 'somebody else wrote');
    assert.equal(note(true, 4, 4, 5_000), undefined);
    const words = (ms: number | undefined) => describeText('live', false, ms).text;
    assert.deepEqual([undefined, 0, 9_999, 12_345].map(words), ['Saved', 'Saving…', 'Saving…', 'Not saved for 12 s']);
    assert.equal(describeText('offline', false, 3_000).text, 'Offline · not saved for 3 s');
    assert.equal(describeText('offline', false, undefined).text, 'Offline');
    assert.equal(describeText('not-saved', false, 2_000).text, 'Not saved for 2 s');
    assert.equal(describeText('offline', true, 4_000).text, 'Not open · not saved for 4 s');
  });

  it('[ED22] places that flash are joined where they touch', () => {
    const places = [
      { from: 5, to: 6 },
      { from: 1, to: 2 },
      { from: 6, to: 9 },
      { from: 7, to: 8 },
      { from: 20, to: 20 },
    ];
    assert.deepEqual(joined(places), [
      { from: 1, to: 2 },
      { from: 5, to: 9 },
      { from: 20, to: 20 },
    ]);
  });

  it('[ED22] says who has the place, where it is kept for somebody', () => {
    assert.equal(wordsOfRefusal(true, undefined), 'Somebody was faster at this place; what you wrote is kept below.');
    assert.match(wordsOfRefusal(false, undefined), /what you deleted is back\.$/);
    const reserved = { holder: 'c1', ttlMs: 1_900, isOwn: false };
    assert.match(
      wordsOfRefusal(true, { ...reserved, name: 'Ann' }),
      /^Ann .* has this place for a moment; what you wrote/,
    );
    assert.match(wordsOfRefusal(true, reserved), /^Somebody could not/);
    assert.match(wordsOfRefusal(true, { ...reserved, isOwn: true }), /faster.*For 2 s it is yours alone\.$/);
  });

  it('[ED27] takes no place of others on trust', () => {
    const place = (said: unknown) => readVisitor({ id: 'a', data: { place: said } }).place;
    const good = { item: 'text', version: 3, anchor: 1, head: 2 };
    assert.deepEqual(place(good), good);
    for (const bad of [{ anchor: -1 }, { head: 0.5 }, { version: '3' }, { item: 7 }, { head: Number.NaN }]) {
      assert.equal(place({ ...good, ...bad }), undefined, JSON.stringify(bad));
    }
    assert.equal(place([1]), undefined);
  });
});
