import assert from 'node:assert/strict';
import { ChangeSet, Text } from '@codemirror/state';
import { toEdits } from '../../../src/kinds/text/edits.ts';
import { open } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';
import { readRecording, replay } from './recording.ts';

describe('recordings of people writing', function () {
  this.timeout(60_000);

  it('[TX30] two people writing at once: replayed in the contexts in which they wrote, the text is theirs', function () {
    const recording = readRecording(this, 'friendsforever');
    const { text: end, touching } = replay(recording, 'agent');
    assert.equal(end, recording.endContent);
    assert.ok(touching.length < recording.txns.length / 1_000, `${touching.length} touch what was not seen`);
  });

  it('[TX31] where plain transformation mixes two writings, the second is refused', function () {
    const recording = readRecording(this, 'friendsforever');
    assert.ok(recording.endContent.includes('the 90s, huh? The whole scene'));
    assert.ok(
      !replay(recording, 'arrival', 22_400).text.includes('the 90s, huh? The whole scene'),
      'mixed, by arrival',
    );
    const before = replay(recording, 'agent', 22_360).text;
    const typed = (from: number, to: number) => {
      let doc = Text.of(before.split('\n'));
      let change = ChangeSet.empty(doc.length);
      for (const { patches } of recording.txns.slice(from, to)) {
        for (const [pos, del, insert] of patches) {
          const step = ChangeSet.of({ from: pos, to: pos + del, insert }, doc.length, '\n');
          doc = step.apply(doc);
          change = change.compose(step);
        }
      }
      return { base: 1, edits: toEdits(change) };
    };
    const first = text.apply(open(before, false), typed(22_360, 22_364), { now: 0, version: 1 });
    assert.ok(first.result === 'ok');
    const since = [{ v: 2, op: first.delta, c: 'one' }];
    for (const to of [22_365, 22_366, 22_369]) {
      const second = text.apply(first.state, typed(22_364, to), { now: 0, version: 2, since });
      assert.equal(second.result, 'conflict');
    }
  });
});
