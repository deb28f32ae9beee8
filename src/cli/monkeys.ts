import { type Command, Option } from 'commander';
import { realClock, realId } from '../client/system.ts';
import { EXIT, UsageError } from './failures.ts';
import type { Ledger } from './monkeys/ledger.ts';
import type { MonkeysOptions } from './monkeys/run.ts';
import type { WorkKind } from './monkeys/work.ts';
import { HTTP_URL, isHttpUrl } from './server-url.ts';
import { StatusLine } from './status-line.ts';

type Flags = {
  readonly url: readonly string[];
  readonly token?: string;
  readonly space: string;
  readonly kind: WorkKind;
  readonly monkeys: string;
  readonly viewers: string;
  readonly offline: string;
  readonly seconds: string;
  readonly rate: string;
  readonly items?: string;
  readonly patience: string;
  readonly seed?: string;
  readonly keep?: boolean;
  readonly json?: boolean;
};

const KINDS: readonly WorkKind[] = ['set', 'register', 'log', 'picture', 'text'];
/** Below the number of writers that an item remembers. */
const MONKEYS_PER_ITEM = 20;
const MAX_ITEMS = 100;
const BAR_CHARS = 30;
const MAX_SEED = 2 ** 32;

export function monkeysCommand(program: Command): Command {
  return program
    .command('monkeys')
    .description(
      'simulated people work on items and look at them; at the end, whether anything was lost or anybody sees something else',
    )
    .requiredOption('--space <space>', 'where; needed')
    .addOption(new Option('--kind <kind>', 'of the items').choices(KINDS).default('set'))
    .option('--monkeys <count>', 'those who work', '200')
    .option('--viewers <count>', 'those who look', '50')
    .option('--offline <share>', 'share of the monkeys that go offline twice, work on, and come back', '0.1')
    .option('--seconds <seconds>', 'how long they work', '30')
    .option('--rate <rate>', 'updates of one monkey a second, on average', '1')
    .option('--items <count>', `items that they share (default: one for ${MONKEYS_PER_ITEM} monkeys)`)
    .option('--patience <seconds>', 'how long answers and viewers may be late at the end', '30')
    .option('--seed <seed>', 'repeats who does what when; the servers and the network do not repeat')
    .option('--keep', 'leave the items there; otherwise they are deleted when all is well')
    .option('--json', 'the report as one line of JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  longshore monkeys --space load --kind text --monkeys 40 --viewers 10\n' +
        '  longshore monkeys --space load --url http://127.0.0.1:8080 http://127.0.0.1:8082 --seconds 60 --json\n\n' +
        `Exit code ${EXIT.refused}: something was lost, came twice or out of order, or a viewer does not see what the server has. Ctrl-C ends it early,\n` +
        'with a verdict. Progress goes to stderr.',
    )
    .action(async (flags: Flags) => {
      const stop = new AbortController();
      const line = new StatusLine();
      const options = readOptions(flags, stop.signal, line);
      // A second one ends it as it ends any program.
      process.once('SIGINT', () => stop.abort());
      // Only who asks for monkeys waits for all that they can do.
      const { runMonkeys } = await import('./monkeys/run.ts');
      const { reportOn, linesOf } = await import('./monkeys/report.ts');
      const result = await runMonkeys(options);
      line.end();
      const report = reportOn(options, result);
      console.log(flags.json ? JSON.stringify(report) : linesOf(report).join('\n'));
      process.exitCode = report.ok ? EXIT.ok : EXIT.refused;
    });
}

function readOptions(flags: Flags, stop: AbortSignal, line: StatusLine): MonkeysOptions {
  const whole = (name: 'monkeys' | 'viewers' | 'items' | 'seed', text: string, min: number, max: number): number => {
    const count = Number(text);
    if (!Number.isInteger(count) || count < min || count > max)
      throw new UsageError(`--${name} must be a whole number, ${min} to ${max}`);
    return count;
  };
  const number = (name: 'seconds' | 'rate' | 'patience' | 'offline', min: number, max: number): number => {
    const value = Number(flags[name]);
    if (!(value >= min && value <= max)) throw new UsageError(`--${name} must be a number, ${min} to ${max}`);
    return value;
  };
  if (!flags.url.every(isHttpUrl)) throw new UsageError(`--url: ${HTTP_URL}`);
  const monkeys = whole('monkeys', flags.monkeys, 1, MONKEYS_PER_ITEM * MAX_ITEMS);
  const seconds = number('seconds', 0.5, 86_400);
  const { token, space, kind, url, keep = false } = flags;
  return {
    ...{ urls: url, space, kind, monkeys, seconds, stop, keep },
    ...(token !== undefined && { token }),
    viewers: whole('viewers', flags.viewers, 1, 2_000),
    offline: number('offline', 0, 1),
    rate: number('rate', 0.01, 1_000),
    items:
      flags.items === undefined ? Math.ceil(monkeys / MONKEYS_PER_ITEM) : whole('items', flags.items, 1, MAX_ITEMS),
    patienceSeconds: number('patience', 1, 3_600),
    seed: flags.seed === undefined ? Math.floor(Math.random() * MAX_SEED) : whole('seed', flags.seed, 0, MAX_SEED),
    clock: realClock,
    id: `monkeys-${realId().slice(0, 8)}`,
    onProgress: (ledger, elapsedMs) => line.show(() => progress(ledger, elapsedMs / 1_000, seconds, line.onTerminal)),
  };
}

function progress(ledger: Ledger, elapsed: number, seconds: number, onTerminal: boolean): string {
  const { posted, acknowledged, views } = ledger;
  const done = Math.round(Math.min(1, elapsed / seconds) * BAR_CHARS);
  const bar = onTerminal ? `${'█'.repeat(done)}${'░'.repeat(BAR_CHARS - done)} ` : '';
  const time = elapsed < seconds ? `${elapsed.toFixed(0)} of ${seconds} s` : 'waiting for answers';
  const p50 = ledger.latency(50);
  const latency = p50 === undefined ? '' : `, p50 ${p50.toFixed(1)} ms, p99 ${ledger.latency(99)?.toFixed(1)} ms`;
  return `${bar}${time}, ${posted} posted, ${acknowledged} acknowledged, ${views} views${latency}`;
}
