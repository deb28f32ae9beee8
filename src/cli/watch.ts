import type { Command } from 'commander';
import { follow, type Step } from '../client/follow.ts';
import { HttpClient, type ItemAnswer } from '../client/http-client.ts';
import { describeFailure } from './failures.ts';
import { paint } from './terminal.ts';

type WatchOptions = {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly now?: boolean;
  readonly ids?: string;
};

export function watchCommand(program: Command): Command {
  return program
    .command('watch <space>')
    .description('print what is there and then every change, until interrupted')
    .option('--json', 'one JSON object a line')
    .option('--now', 'skip what is there already')
    .option('--ids <ids>', 'only these: a comma list of ids, or prefixes ending in *')
    .addHelpText(
      'after',
      '\nExamples:\n  longshore watch demo\n  longshore watch demo --now --ids "card-*" --json | jq .value',
    )
    .action(async (space: string, options: WatchOptions) => {
      const client = new HttpClient(options);
      const print = options.json ? printJson : printText;
      let answered = false;
      const steps = follow(client, space, {
        durable: true,
        ...(options.now && { marker: 'now' }),
        ...(options.ids === undefined ? {} : { ids: options.ids.split(',') }),
        onTrouble: (error) => {
          if (!answered) throw error; // nobody there from the start: say so instead of waiting
          console.error(`longshore: ${describeFailure(error).text}; trying again`);
        },
      });
      for await (const step of steps) {
        answered = true;
        print(step);
      }
    });
}

function printJson(step: Step): void {
  if (step.mustReset !== undefined) console.log(JSON.stringify({ mustReset: step.mustReset }));
  for (const item of step.items) console.log(JSON.stringify(item));
  for (const id of step.gone) console.log(JSON.stringify({ id, deleted: true }));
  for (const [id, version] of Object.entries(step.durable))
    console.log(JSON.stringify({ id, durableVersion: version }));
}

function printText(step: Step): void {
  if (step.mustReset !== undefined) console.log(paint('yellow', `-- begins anew: ${step.mustReset.reason}`));
  for (const item of step.items) console.log(`${paint('bold', item.id)} ${item.version} ${textOf(item)}`);
  for (const id of step.gone) console.log(`${paint('bold', id)} gone`);
  for (const [id, version] of Object.entries(step.durable)) console.log(paint('dim', `${id} ${version} stored`));
}

function textOf(item: ItemAnswer): string {
  if ('deleted' in item) return 'deleted';
  if ('deltas' in item) return item.deltas.map(({ op }) => JSON.stringify(op)).join(' ');
  return JSON.stringify(item.value);
}
