import { parseArgs } from 'node:util';
import { loadRecording, replay } from '../test/client/text/recording.ts';
import {
  atOnePlace,
  inAShortText,
  type Played,
  play,
  recorded,
  type Session,
  TICK_MS,
} from '../test/client/text/slow-session.ts';

/*
 * `node bench/slow-writer.ts [--quick]`: what reservations do for a writer on a slow link, and to the others. Recordings of people who write at once, each of them in turn
 * as the slow one (LONGSHORE_DATA names the folder of the recordings), and two people who write at one place and nowhere else. Counts, not times: they are the same on any machine.
 */

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const COLUMNS = [
  'writers',
  'slow one behind by',
  'reservations',
  'posts of the slow one',
  'refused',
  'most in a row at one place',
  'keys it typed again',
  'reserved',
  'posts of the others refused',
  'for a reservation alone',
  'keys they typed again',
];

function lagText(lag: number): string {
  const seconds = (lag * TICK_MS) / 1_000;
  return `${lag} edits, ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

function rowOf(name: string, lag: number, on: boolean, { slow, quick, longest, ...counted }: Played): string {
  const { posts, refused, restored } = slow;
  const { reservations, turnedAway } = counted;
  return `| ${[name, lagText(lag), on ? 'on' : 'off', posts, refused, longest, restored, reservations, quick.refused, turnedAway, quick.restored].join(' | ')} |`;
}

async function show(name: string, session: Session, slow: number, lags: readonly number[]): Promise<void> {
  for (const lag of lags)
    for (const on of [false, true]) console.log(rowOf(name, lag, on, await play(session, slow, lag, on)));
}

console.log(`| ${COLUMNS.join(' | ')} |\n| ${COLUMNS.map(() => '---').join(' | ')} |`);
await show('two at one place', atOnePlace(), 1, values.quick ? [10] : [5, 10, 14, 20, 40]);
const shorts = values.quick
  ? [[4, 20] as const]
  : ([
      [2, 20],
      [4, 20],
      [4, 200],
      [10, 200],
    ] as const);
for (const [people, characters] of shorts)
  await show(
    `${people} in ${characters} characters`,
    inAShortText(people, characters),
    0,
    values.quick ? [10] : [10, 20, 50],
  );
for (const name of ['friendsforever', 'clownschool']) {
  const recording = loadRecording(name);
  if (!recording) {
    console.log(`${name}: not there, set LONGSHORE_DATA to the folder of the recordings`);
    continue;
  }
  const session = recorded(recording, replay(recording, 'agent', values.quick ? 3_000 : undefined));
  for (let slow = 0; slow < session.people; slow++)
    await show(`${name}, ${slow + 1} slow`, session, slow, values.quick ? [20] : [10, 20, 50, 100, 200]);
}
