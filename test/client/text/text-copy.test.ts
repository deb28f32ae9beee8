import assert from 'node:assert/strict';
import { ChangeSet, type Text } from '@codemirror/state';
import fc from 'fast-check';
import { type Reaction, type TextAnswer, TextCopy, type TextDelta } from '../../../src/client/text/text-copy.ts';
import type { Since } from '../../../src/kinds/kind.ts';
import { open, type TextState } from '../../../src/kinds/text/state.ts';
import { text } from '../../../src/kinds/text/text.ts';

const START = 'the quick brown fox';

/** As much of a server as one text needs. */
class Server {
  state: TextState = open(START, false);
  version = 1;
  readonly deltas: TextDelta[] = [];
  readonly #first = new Map<string, TextAnswer>();
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  post(clientId: string, seq: number, op: { readonly base: number }): TextAnswer {
    const known = this.#first.get(`${clientId}/${seq}`);
    if (known) return known;
    const answer = this.#apply(clientId, seq, op);
    this.#first.set(`${clientId}/${seq}`, answer);
    return answer;
  }

  #apply(clientId: string, seq: number, op: { readonly base: number }): TextAnswer {
    const missed = this.deltas.filter(({ version }) => version > op.base);
    const since: readonly Since[] | 'lost' =
      missed.length > this.#kept
        ? 'lost'
        : missed.map((one) => ({ v: one.version, op: one.op, c: one.clientId ?? '' }));
    const { version } = this;
    const applied = text.apply(this.state, op, { now: 0, version, client: clientId, since });
    if (applied.result === 'conflict')
      return { result: 'conflict', version, missed, with: applied.extra?.with as never };
    if (applied.result === 'resync') return { result: 'resync', version, value: String(text.value(this.state)) };
    assert.ok(applied.result === 'ok', JSON.stringify(applied));
    this.state = applied.state;
    this.version += 1 + (seq % 2); // numbers are skipped now and then
    this.deltas.push({ version: this.version, op: applied.delta, clientId, seq });
    return { result: 'ok', version: this.version, missed };
  }
}

type Move = {
  readonly who: number;
  readonly what: number;
  readonly place: number;
  readonly del: number;
  readonly ins: string;
};

class Person {
  readonly name: string;
  readonly copy: TextCopy;
  /** As an editor has it, which is only told what changes. */
  editor: Text;
  seq = 0;
  waiting: { readonly seq: number; readonly answer: TextAnswer } | undefined;
  refusals = 0;

  constructor(name: string) {
    this.name = name;
    this.copy = new TextCopy(name, 1, START);
    this.editor = this.copy.shown;
  }

  does({ what, place, del, ins }: Move, server: Server): void {
    if (what === 0) this.#write(place, del, ins);
    else if (what === 1) this.#send(server);
    else if (what === 2) this.#hear();
    else if (what === 3) this.#takes(this.copy.took(server.deltas.slice(0, Math.ceil(place * server.deltas.length))));
    else if (what === 4) this.#takes(this.copy.replaced(server.version, String(text.value(server.state))));
    assert.equal(this.copy.shown.toString(), this.editor.toString());
  }

  #write(place: number, del: number, ins: string): void {
    const from = Math.floor(place * this.editor.length);
    const to = Math.min(this.editor.length, from + del);
    const change = ChangeSet.of({ from, to, insert: ins }, this.editor.length, '\n');
    this.copy.write(change);
    this.editor = change.apply(this.editor);
  }

  #send(server: Server): void {
    const op = this.copy.send(this.seq + 1);
    if (!op) return;
    this.seq++;
    this.waiting = { seq: this.seq, answer: server.post(this.name, this.seq, op) };
  }

  #hear(): void {
    if (!this.waiting) return;
    const { seq, answer } = this.waiting;
    this.waiting = undefined;
    this.#takes(this.copy.answered(seq, answer));
  }

  #takes({ change, refused }: Reaction): void {
    this.editor = change.apply(this.editor);
    if (!refused) return;
    this.refusals++;
    for (const { at } of refused.lost) assert.ok(at >= 0 && at <= this.editor.length);
  }

  /** Told everything until both sides stand still. */
  ends(server: Server): void {
    for (let turn = 0; turn < 6; turn++) {
      this.#hear();
      this.#takes(this.copy.took(server.deltas));
      this.#send(server);
    }
    assert.ok(this.copy.isSynced);
    assert.equal(this.copy.shown.toString(), this.editor.toString());
  }
}

const move: fc.Arbitrary<Move> = fc.record({
  who: fc.nat(2),
  what: fc.nat(4),
  place: fc.double({ min: 0, max: 0.999, noNaN: true }),
  del: fc.nat(2),
  ins: fc.constantFrom('x', 'yz', '\n', ''),
});

describe('the copy of a text', () => {
  it('[TX34] whatever is written, lost, told late or told whole: all end with the text of the server', () => {
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(move, { minLength: 20, maxLength: 120 }), fc.constantFrom(3, 1_000), (moves, kept) => {
        const server = new Server(kept);
        const people = ['a', 'b', 'c'].map((name) => new Person(name));
        for (const one of moves) people[one.who]?.does(one, server);
        for (let turn = 0; turn < 2; turn++) for (const person of people) person.ends(server);
        for (const { copy } of people) assert.equal(copy.shown.toString(), text.value(server.state));
        refusals += people.reduce((sum, person) => sum + person.refusals, 0);
      }),
      { numRuns: 1_000 },
    );
    assert.ok(refusals > 20, `${refusals} refusals`);
  });

  it('[TX35] what is refused is taken back, and handed out with where it was and what was in the way', () => {
    const copy = new TextCopy('a', 1, 'hello world');
    copy.write(ChangeSet.of({ from: 5, insert: ', my' }, 11));
    assert.deepEqual(copy.send(1), { base: 1, edits: [[5, 0, ', my']] });
    copy.write(ChangeSet.of({ from: 9, insert: ' dear' }, 15));
    assert.equal(copy.send(2), undefined, 'one on its way at a time');
    const missed = [{ version: 2, op: { edits: [[5, 0, '!']] }, clientId: 'b', seq: 1 }];
    const reaction = copy.answered(1, { result: 'conflict', version: 2, missed, with: [{ from: 5, to: 6 }] });
    assert.equal(copy.shown.toString(), 'hello! world');
    assert.deepEqual(reaction.refused, { lost: [{ at: 6, text: ', my dear' }], ranges: [{ from: 5, to: 6 }] });
    assert.ok(copy.isSynced);
  });

  it('[TX36] an answer of which the history has gone makes the copy stale until the text is told whole', () => {
    const copy = new TextCopy('a', 1, 'ab');
    copy.write(ChangeSet.of({ from: 2, insert: 'c' }, 2));
    copy.send(1);
    assert.equal(copy.answered(1, { result: 'ok', version: 5, missed: null }).stale, true);
    assert.ok(copy.took([{ version: 6, op: { edits: [[9, 0, 'x']] } }]).change.empty);
    copy.replaced(6, '-ab-cx');
    assert.equal(copy.shown.toString(), '-ab-cx');
  });

  it('[ED42] what was not accepted because the text had gone back is sent again once it is there', () => {
    const copy = new TextCopy('a', 1, 'ab');
    copy.write(ChangeSet.of({ from: 2, insert: 'c' }, 2));
    copy.send(1);
    copy.write(ChangeSet.of({ from: 3, insert: 'd' }, 3));
    copy.unsend(7);
    assert.ok(copy.isWaiting, 'another one');
    copy.unsend(1);
    assert.equal(copy.shown.toString(), 'abcd');
    assert.deepEqual(copy.replaced(1_026, 'xab').refused, undefined);
    assert.deepEqual(copy.send(2), { base: 1_026, edits: [[3, 0, 'cd']] });
  });
});
