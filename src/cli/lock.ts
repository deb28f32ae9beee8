import type { Command } from 'commander';
import { Credentials } from '../client/credentials.ts';
import { Http } from '../client/http.ts';
import { mayRetry, RefusedError } from '../client/http-client.ts';
import { HttpTransport } from '../client/http-transport.ts';
import { realClock } from '../client/system.ts';
import { pause } from '../client/timing.ts';
import type { Grant, Transport } from '../client/transport.ts';
import { readDuration } from './duration.ts';
import { EXIT } from './failures.ts';

type LockOptions = {
  readonly url: string;
  readonly token?: string;
  readonly ttl?: string;
  readonly name?: string;
  readonly steal?: boolean;
  readonly json?: boolean;
};
type Event =
  | { readonly event: 'held'; readonly item: string; readonly clientId: string; readonly fence: number }
  | { readonly event: 'released'; readonly item: string }
  | { readonly event: 'refused'; readonly item: string; readonly holder?: string; readonly detail: string }
  | { readonly event: 'lost'; readonly item: string; readonly detail: string };

const MAX_TTL_S = 86_400;
/** Times within a lease that it is renewed. */
const RENEWALS = 3;
const POLL_SECONDS = 20;
const PAUSE_MS = 1_000;
const ANSWER_MS = 15_000;
/** Whoever ends the command waits for this. */
const LEAVE_MS = 3_000;

export function lockCommand(program: Command): Command {
  return program
    .command('lock <space> <item>')
    .description('hold an item until interrupted; others can read it, and not change it')
    .option('--ttl <time>', 'give it back after this long: 30s, 5m')
    .option('--name <name>', 'what others see of the holder', 'longshore lock')
    .option('--steal', 'take it from its holder; needs the right admin unless the space allows it to everyone')
    .option('--json', 'one JSON object a line: held with its fence, then released or lost; or refused')
    .addHelpText(
      'after',
      '\nExamples:\n  longshore lock demo card-1\n  longshore lock demo card-1 --ttl 5m --name "nightly import"\n\n' +
        'Ends with 1 where somebody else holds it, or where it was lost.',
    )
    .action(async (space: string, item: string, options: LockOptions) => {
      const seconds = options.ttl === undefined ? undefined : readDuration('--ttl', options.ttl, MAX_TTL_S, '1d');
      const say = options.json ? (event: Event) => console.log(JSON.stringify(event)) : printText;
      const { url, token } = options;
      const credentials = new Credentials(token);
      const transport = new HttpTransport(new Http({ url, space, credentials, clock: realClock, fetch }));
      const ending = endOf(seconds);
      const last = await hold(transport, item, options, ending, say);
      say(last);
      if (last.event !== 'released') process.exitCode = EXIT.refused;
    });
}

/** Aborts with the first interrupt, or when the time is up. */
function endOf(seconds: number | undefined): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  if (seconds === undefined) return interrupted.signal;
  return AbortSignal.any([interrupted.signal, AbortSignal.timeout(seconds * 1_000)]);
}

/** Joins, grabs, keeps, gives back and leaves; what it ended with. */
async function hold(
  transport: Transport,
  item: string,
  { name, steal }: LockOptions,
  ending: AbortSignal,
  say: (event: Event) => void,
): Promise<Event> {
  const wanted = `cli-${crypto.randomUUID()}`;
  const joined = await transport.join({ clientId: wanted, ...(name && { name }) }, AbortSignal.timeout(ANSWER_MS));
  if (joined === undefined) throw new Error('the server knows no clients, and so no locks');
  const { clientId, generation } = joined;
  const stop = new AbortController();
  try {
    const grant = await grab(transport, item, { clientId, ...(steal && { steal }) });
    if ('event' in grant) return grant;
    say({ event: 'held', item, clientId, fence: grant.fence });
    void stay(transport, clientId, stop.signal);
    const lost = await keep(transport, item, clientId, grant, ending);
    if (lost !== undefined) return { event: 'lost', item, detail: lost };
    await transport.unlock(item, clientId, AbortSignal.timeout(LEAVE_MS));
    return { event: 'released', item };
  } finally {
    stop.abort();
    await transport.leave(clientId, generation).catch(() => undefined); // its lease ends by itself
  }
}

async function grab(
  transport: Transport,
  item: string,
  request: { readonly clientId: string; readonly steal?: boolean },
): Promise<Grant | Event> {
  try {
    return await transport.lock(item, request, AbortSignal.timeout(ANSWER_MS));
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 423) throw error;
    const holder = error.holder === undefined ? {} : { holder: error.holder };
    return { event: 'refused', item, ...holder, detail: error.message };
  }
}

/** Renews until the end is asked for (`undefined`), or says why it is not held any more. */
async function keep(
  transport: Transport,
  item: string,
  clientId: string,
  grant: Grant,
  ending: AbortSignal,
): Promise<string | undefined> {
  let leaseEnds = realClock.monotonic() + grant.ttlMs;
  for (;;) {
    await pause(realClock, grant.ttlMs / RENEWALS, ending).catch(() => undefined);
    if (ending.aborted) return undefined;
    try {
      const again = await transport.lock(item, { clientId }, ending);
      if (again.fence !== grant.fence) return 'it was lost and is held anew, under another fence';
      leaseEnds = realClock.monotonic() + again.ttlMs;
    } catch (error) {
      if (ending.aborted) return undefined;
      if (!mayRetry(error)) return error instanceof Error ? error.message : String(error);
      if (realClock.monotonic() >= leaseEnds) return 'the server did not answer within the lease';
    }
  }
}

/** A client that is not heard of has left, and its locks with it. */
async function stay(transport: Transport, clientId: string, signal: AbortSignal): Promise<void> {
  let marker = 'now';
  while (!signal.aborted) {
    try {
      marker = (await transport.next({ marker, wait: POLL_SECONDS, clientId }, signal)).marker;
    } catch {
      await pause(realClock, PAUSE_MS, signal).catch(() => undefined);
    }
  }
}

function printText(event: Event): void {
  if (event.event === 'held') console.log(`${event.item} is held, fence ${event.fence}; Ctrl-C gives it back`);
  else if (event.event === 'released') console.log(`${event.item} given back`);
  else if (event.event === 'lost') console.error(`longshore: ${event.item} was lost: ${event.detail}`);
  else console.error(`longshore: not held: ${event.detail}`);
}
