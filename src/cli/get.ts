import type { Command } from 'commander';
import { follow } from '../client/follow.ts';
import { HttpClient } from '../client/http-client.ts';
import { EXIT } from './failures.ts';

type GetOptions = { readonly url: string; readonly token?: string; readonly json?: boolean };

export function getCommand(program: Command): Command {
  return program
    .command('get <space> [item]')
    .description("print an item's value, or all items of a space, one JSON object a line")
    .option('--json', 'of an item: id, version, durableVersion and value, in one line')
    .addHelpText('after', '\nExamples:\n  longshore get demo card-1\n  longshore get demo | jq -r .id')
    .action(async (space: string, item: string | undefined, options: GetOptions) => {
      const client = new HttpClient(options);
      if (item === undefined) await printSpace(client, space);
      else await printItem(client, space, item, options.json ?? false);
    });
}

async function printItem(client: HttpClient, space: string, item: string, json: boolean): Promise<void> {
  const found = await client.getItem(space, item);
  if (found === undefined) {
    console.error(`longshore: there is no item ${item} in ${space}`);
    process.exitCode = EXIT.refused;
    return;
  }
  console.log(json ? JSON.stringify({ id: item, ...found }) : JSON.stringify(found.value, null, 2));
}

async function printSpace(client: HttpClient, space: string): Promise<void> {
  const onTrouble = (error: unknown): never => {
    throw error; // whoever asks once wants to know at once
  };
  for await (const { items, upToDate } of follow(client, space, { onTrouble })) {
    for (const item of items) console.log(JSON.stringify(item));
    if (upToDate) return;
  }
}
