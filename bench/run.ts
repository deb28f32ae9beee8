import { rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Case, casesOf, costCases, crossingTask } from './cases.ts';
import { COST_FILE, readRaw, writeCosts, writeRaw } from './costs/cost-file.ts';
import { deriveCosts } from './costs/derive.ts';
import { measureCosts } from './costs/measure.ts';
import type { Raw } from './costs/raw.ts';
import { hashOfTree } from './costs/source-hash.ts';
import { countPresence } from './count-presence.ts';
import { countMoves, countStoreWrites, countWake } from './counts.ts';
import { takeLock } from './host/lock.ts';
import { isPinned, printed, start, stop, stopAll } from './host/processes.ts';
import { startPubsub } from './host/pubsub.ts';
import {
  type LongshoreOptions,
  removeFolders,
  SUBJECTS,
  type Subject,
  startLongshore,
  startMemcached,
  startSubject,
} from './host/servers.ts';
import type { Job, Result } from './load/job.ts';
import { isWanted, type Options, readOptions, USAGE } from './options.ts';
import { topFunctions } from './profile.ts';
import { medians, type Row, table } from './report.ts';
import { judge, type Verdict, verdictTable } from './targets.ts';

const RESULTS = join(import.meta.dirname, 'results');
const SRC = join(import.meta.dirname, '../src');

/** Measures Longshore beside floors that do the same job, on this machine, and says which targets are met. */
async function main(options: Options): Promise<void> {
  const machine = describeMachine();
  console.log(`${machine}\n`);
  if (options.costs) return runCosts(machine, options);
  const runs = new Map<string, Result[]>();
  for (const one of casesOf(options.quick)) {
    if (!isWanted(options, one.name)) continue;
    await runCase(one, options, runs);
    save(machine, options, runs);
  }
  await runCounts(options, runs);
  const verdicts = save(machine, options, runs);
  if (verdicts.length > 0) console.log(verdictTable(verdicts));
}

/** Everything so far, for whoever compares runs. */
function save(machine: string, options: Options, runs: ReadonlyMap<string, readonly Result[]>): Verdict[] {
  const found = mediansOf(runs);
  const targets = judge(found);
  const report = { machine, options, targets, medians: Object.fromEntries(found), runs: Object.fromEntries(runs) };
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(report, null, 2)}\n`);
  return targets;
}

function mediansOf(runs: ReadonlyMap<string, readonly Result[]>): Map<string, Result> {
  return new Map([...runs].map(([key, results]) => [key, medians(results)]));
}

/** The servers take turns, so that a machine that drifts is slow for all of them. */
async function runCase(
  { name, title, task, subjects }: Case,
  options: Options,
  runs: Map<string, Result[]>,
): Promise<void> {
  for (let turn = 0; turn < options.repetitions; turn++) {
    for (const subject of subjects) {
      const server = await startSubject(subject, flagsFor(options, name, subject));
      try {
        add(runs, `${name}/${subject}`, await generate({ ...task, target: server.target }));
      } finally {
        await server.stop();
      }
    }
  }
  const rows = subjects.map((subject) => ({
    label: SUBJECTS[subject],
    result: medians(runs.get(`${name}/${subject}`) ?? []),
  }));
  const [first] = rows;
  const more = ({ result }: Row) =>
    first === undefined || result === first.result ? '' : comparison(first.result, result);
  console.log(table(`${name}  ${title}`, rows, more));
  if (options.profile) for (const subject of subjects) showProfile(name, subject);
}

function comparison(floor: Result, own: Result): string {
  const core = ({ us, cacheUs = 0 }: Result) => (us ?? Number.NaN) + cacheUs;
  const ratio = core(floor) / core(own);
  return Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)} x floor A`;
}

/** What takes more than one server, or is counted rather than timed. */
async function runCounts(options: Options, runs: Map<string, Result[]>): Promise<void> {
  const { quick } = options;
  const one = async (name: string, title: string, measure: () => Promise<Result>): Promise<void> => {
    if (!isWanted(options, name)) return;
    const result = await measure();
    add(runs, `${name}/longshore`, result);
    console.log(table(`${name}  ${title}`, [{ label: SUBJECTS.longshore, result }]));
  };
  const crossing = 'post on one instance, 20 observers on another, 10 posts/s;';
  await one('E', `${crossing} pulse in memcached`, () => measureCrossing(quick));
  const pubsub = !quick && isWanted(options, 'E.pubsub') ? await startPubsub() : undefined;
  if (pubsub !== undefined) {
    const measure = () => measureCrossing(quick, { bus: pubsub.bus, pubsub: pubsub.host });
    await one('E.pubsub', `${crossing} Pub/Sub emulator`, measure).finally(pubsub.stop);
  }
  await one('R.moves', 'round trips to memcached per move', countMoves);
  await one('R.wake', 'calls of memcached per wake of 1,000 polls, the post left out', () => countWake(1_000));
  const people = { clients: 1_000, moving: 0, movesPerSecond: 0, seconds: 30 };
  const moving = { ...people, moving: 100, movesPerSecond: 2, seconds: 20 };
  if (!quick) {
    const title = '1,000 clients in a space over two instances; per client and second';
    await one('P.rest', `${title}, nobody moves`, () => countPresence(people));
    await one('P.cursors', `${title}, 100 of them move a cursor twice a second`, () => countPresence(moving));
  }
  if (!quick) await one('W', 'one item moved 20 times a second, then released', () => countStoreWrites(1_000, 20));
}

/** In the same way as all else; from the cases with thousands of polls only what a single one costs is wanted. */
async function runCosts(machine: string, options: Options): Promise<void> {
  const runs = new Map<string, Result[]>();
  for (const one of costCases(options.quick)) await runCase(one, options, runs);
  console.log('U  two instances on memcached and the emulator of Datastore; a minute and more each');
  const { quick, nodeFlags, only } = options;
  const source = hashOfTree(SRC);
  const known = only.length === 0 ? {} : readRaw(source, quick);
  const keep = (raw: Partial<Raw>) => writeRaw(source, quick, raw);
  const raw = await measureCosts({ quick, nodeFlags, known, only, keep });
  if (hashOfTree(SRC) !== source) throw new Error('src was changed meanwhile');
  const found = mediansOf(runs);
  const deliveryUs = found.get('A1.1000/longshore')?.us ?? Number.NaN;
  const pollBytes = (found.get('C.spaces/longshore')?.kilobytes ?? Number.NaN) * 1_024;
  const { costs, rough } = deriveCosts(raw, { deliveryUs, pollBytes });
  if (!quick && rough.some((part) => part.endsWith('.serverUs'))) {
    throw new Error(`${rough.join(', ')} came out below 0: too much else was going on here, measure again`);
  }
  writeCosts({
    measuredAt: new Date().toISOString(),
    node: process.version,
    machine,
    source,
    quick,
    rough,
    costs,
    raw,
  });
  console.log(`${JSON.stringify(costs, null, 2)}\nwritten to ${COST_FILE}`);
}

async function measureCrossing(quick: boolean, bus: Pick<LongshoreOptions, 'bus' | 'pubsub'> = {}): Promise<Result> {
  const memcached = await startMemcached();
  const options = { cachePort: memcached.port, store: 'memory:', ...bus };
  const [near, far] = [await startLongshore(options), await startLongshore(options)];
  try {
    return await generate({ ...crossingTask(quick), target: near.target, far: far.target });
  } finally {
    await Promise.all([near.stop(), far.stop()]);
    await stop(memcached.child);
  }
}

async function generate(job: Job): Promise<Result> {
  const generator = start(1, process.execPath, [join(import.meta.dirname, 'generator.ts'), JSON.stringify(job)]);
  try {
    return JSON.parse(await printed(generator, /^(\{.*\})$/, 'the generator')) as Result;
  } finally {
    await stop(generator);
  }
}

function profileFolder(name: string, subject: Subject): string {
  return join(RESULTS, 'profiles', `${name}-${subject}`);
}

function flagsFor({ nodeFlags, profile }: Options, name: string, subject: Subject): string[] {
  if (!profile) return [...nodeFlags];
  return [...nodeFlags, '--cpu-prof', `--cpu-prof-dir=${profileFolder(name, subject)}`];
}

function showProfile(name: string, subject: Subject): void {
  if (subject === 'longshore' || subject === 'embedded') {
    console.log(
      `${name}  ${SUBJECTS[subject]}: functions by their own time\n${topFunctions(profileFolder(name, subject))}\n`,
    );
  }
}

function add(runs: Map<string, Result[]>, key: string, result: Result): void {
  runs.set(key, [...(runs.get(key) ?? []), result]);
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const gib = Math.round(totalmem() / 2 ** 30);
  const pinned = isPinned()
    ? 'servers on core 0, generator on core 1'
    : 'NOT PINNED: no taskset here, figures mean little';
  return `Node ${process.version}, ${availableParallelism()} cores, ${model}, ${gib} GiB, ${process.platform}; ${pinned}`;
}

async function end(code: number): Promise<never> {
  await stopAll();
  removeFolders();
  unlock();
  process.exit(code);
}

let unlock = (): void => undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`stopped by ${signal}`);
    void end(130);
  });
}
// A connection that gets what it does not expect throws where nobody waits: what was started must not stay behind.
process.once('uncaughtException', (error) => {
  console.error(error);
  void end(1);
});
try {
  const options = readOptions(process.argv.slice(2));
  unlock = takeLock(join(RESULTS, 'running.pid'));
  rmSync(join(RESULTS, 'profiles'), { recursive: true, force: true });
  await main(options);
  await end(0);
} catch (error) {
  console.error(error);
  console.error(`\n${USAGE}`);
  await end(1);
}
