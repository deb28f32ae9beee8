import assert from 'node:assert/strict';
import { TransportWorld } from '../../support/transport-world.ts';
import { Calls, closedLoop, Log, type Tally, Writer } from './loop.ts';
import { type Intent, type Recording, type Replayed, readRecording, replay } from './recording.ts';

/** Characters typed one directly behind the other. */
function runsOf(ids: readonly number[], intents: readonly Intent[]): number[][] {
  const after = new Map(intents.flatMap(({ after, insert }) => insert.map((id, i) => [id, insert[i - 1] ?? after])));
  const runs: number[][] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run && after.get(id) === run.at(-1)) run.push(id);
    else runs.push([id]);
  }
  return runs;
}

/** In the order in which it was typed, with nothing of anybody else between. */
function assertTogether(run: readonly number[], text: readonly number[], intents: readonly Intent[]): void {
  const writers = new Map(intents.flatMap(({ agent, insert }) => insert.map((id) => [id, agent])));
  const at = run.map((id) => text.indexOf(id)).filter((place) => place >= 0);
  for (const [i, place] of at.entries()) {
    const before = at[i - 1] ?? place - 1;
    assert.ok(place > before, 'in order');
    const between = text.slice(before + 1, place).map((id) => writers.get(id));
    assert.ok(
      between.every((writer) => writer === writers.get(run[0] ?? 0)),
      'together',
    );
  }
}

describe('people writing over HTTP', () => {
  let world: TransportWorld;
  let calls: Calls;
  const replayed = new Map<string, { recording: Recording; done: Replayed }>();

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
    calls = new Calls(world.port);
  });

  afterEach(async () => {
    calls.close();
    await world.stop();
  });

  async function run(recording: Recording, { intents, characters }: Replayed, lag: number) {
    const start = recording.startContent ?? '';
    const op = { create: { text: start } };
    await calls.send('POST', '/v1/spaces/board/updates', { updates: [{ item: 'text', kind: 'text', op }] });
    const log = new Log(start.length);
    const tally: Tally = { posts: 0, keys: 0, refused: 0, restored: 0, lost: [] };
    const snapshot = () => calls.send<never>('GET', '/v1/spaces/board/updates');
    const writers: Writer[] = [];
    for (let n = 0; n < (recording.numAgents ?? 1); n++)
      writers.push(new Writer(`w${n}`, await snapshot(), calls, log, tally, characters.text));
    await closedLoop(writers, intents, lag);
    const { items } = (await snapshot()) as { items: readonly { value: string }[] };
    const end = items[0]?.value ?? '';
    for (const { copy } of writers) assert.equal(copy.shown.toString(), end, 'everybody has what the server has');
    return { end, tally, log };
  }

  function load(context: Mocha.Context, name: string) {
    const known = replayed.get(name) ?? { recording: readRecording(context, name), done: undefined };
    const all = { recording: known.recording, done: known.done ?? replay(known.recording, 'agent') };
    replayed.set(name, all);
    return all;
  }

  const sorted = (text: string) => [...text].sort().join('');

  for (const lag of [5, 10, 50]) {
    it(`[TX32] two people, each ${lag} edits behind: all have the same, nothing is lost, nothing is mixed`, async function () {
      this.timeout(240_000);
      const { recording, done: whole } = load(this, 'friendsforever');
      // Those who are near post often: a part of the recording takes as long as all of it with more in a post.
      const done = lag < 10 ? replay(recording, 'agent', 8_000) : whole;
      const { end, tally, log } = await run(recording, done, lag);
      assert.equal(sorted(end), sorted(done.text));
      if (lag >= 10) assert.ok(tally.refused > 0, 'somebody was refused');
      for (const { ids, version } of tally.lost) {
        const then = log.idsAt(version ?? 0);
        for (const run of runsOf(ids, done.intents)) assertTogether(run, then, done.intents);
      }
      const share = tally.restored / tally.keys;
      if (lag <= 10) assert.ok(share <= 0.001, `${tally.restored} of ${tally.keys} keys typed again`);
    });
  }

  it('[TX33] one person: the text is that of the recording', async function () {
    this.timeout(240_000);
    const { recording, done } = load(this, 'sveltecomponent');
    const { end, tally } = await run(recording, done, 5);
    assert.equal(end, recording.endContent);
    assert.equal(tally.refused, 0);
  });
});
