import type { Command } from 'commander';
import { unreachable } from '../base/assert.ts';
import { HttpClient, type UpdateResult } from '../client/http-client.ts';
import { EXIT, UsageError } from './failures.ts';

type PostOptions = {
  readonly url: string;
  readonly token?: string;
  readonly kind?: string;
  readonly merge?: boolean;
  readonly delete?: boolean;
  readonly release?: boolean;
  readonly durable?: boolean;
  readonly ifVersion?: string;
  readonly json?: boolean;
};

export function postCommand(program: Command): Command {
  return program
    .command('post <space> <item> [json]')
    .description('change one item')
    .option('--kind <kind>', 'kind of a new item; of any other kind than register, <json> is the operation itself')
    .option('--merge', 'merge <json> into the value (RFC 7396) instead of replacing it')
    .option('--delete', 'delete the item')
    .option('--release', 'the last update for now: stored before the answer')
    .option('--durable', 'stored before the answer')
    .option('--if-version <version>', 'only over this version; 0: only create')
    .option('--json', 'the result as one line of JSON, whether accepted or not')
    .addHelpText(
      'after',
      '\nExamples:\n  longshore post demo card-1 \'{"x": 10, "y": 20}\'\n  longshore post demo card-1 \'{"x": 11}\' --merge --release\n' +
        '  longshore post demo card-1 --delete --if-version 2',
    )
    .action(async (space: string, item: string, json: string | undefined, options: PostOptions) => {
      const update = {
        item,
        op: readOp(json, options),
        ...(options.kind && { kind: options.kind }),
        ...(options.release && { release: true }),
        ...(options.durable && { durable: true }),
        ...(options.ifVersion === undefined ? {} : { ifVersion: readVersion(options.ifVersion) }),
      };
      const client = new HttpClient(options);
      // A name and a number make the request safe to send again when its answer is lost.
      const clientId = `cli-${crypto.randomUUID()}`;
      const { results } = await client.postUntilAnswered(space, { clientId, seq: 1, updates: [update] });
      print(results[0], options.json ?? false);
    });
}

function readOp(json: string | undefined, options: PostOptions): unknown {
  if (options.delete) {
    if (json !== undefined) throw new UsageError('--delete takes no value');
    return { delete: true };
  }
  if (json === undefined) throw new UsageError('the value is missing: give it as JSON, for instance \'{"x": 1}\'');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UsageError('the value is not JSON; in a shell, put it into single quotes: \'{"x": 1}\' or \'"text"\'');
  }
  if (options.merge) return { merge: value };
  return (options.kind ?? 'register') === 'register' ? { set: value } : value;
}

function readVersion(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError('--if-version must be a number, 0 or more');
  return Number(text);
}

function print(result: UpdateResult | undefined, json: boolean): void {
  if (json) console.log(JSON.stringify(result));
  else if (result?.result === 'ok') {
    const stored = result.durableVersion >= result.version ? 'stored' : `version ${result.durableVersion} stored`;
    console.log(`${result.item} version ${result.version}, ${stored}`);
  } else console.error(`longshore: not accepted: ${describeRefusal(result)}`);
  if (result?.result !== 'ok') process.exitCode = EXIT.refused;
}

type Refusal = Exclude<UpdateResult, { readonly result: 'ok' }>;

/** The name of the result first, as in the protocol. */
export function describeRefusal(refusal: Refusal | undefined): string {
  if (refusal === undefined) return 'the answer has no result';
  const { item, result } = refusal;
  switch (result) {
    case 'conflict':
    case 'fenced':
    case 'resync':
      return `${result}: ${refusal.version === 0 ? `there is no item ${item}` : `${item} has version ${refusal.version}`}`;
    case 'locked':
      return `${result}: ${refusal.holder} holds ${item} for ${seconds(refusal.ttlMs)} more`;
    case 'invalid':
      return `${refusal.code}: ${refusal.detail}`;
    case 'tooLarge':
      return `${result}: at most ${refusal.limit} bytes`;
    case 'retry':
      return `${refusal.code}: try again in ${seconds(refusal.retryAfterMs)}`;
    default:
      return unreachable(result);
  }
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
