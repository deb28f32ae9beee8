import type { Command } from 'commander';
import { follow } from '../client/follow.ts';
import { HttpClient } from '../client/http-client.ts';
import { EXIT } from './failures.ts';

export function getCommand(program: Command): Command {
  return program
    .command('get <space> [item]')
    .description("print an item's value, or all items of a space, one JSON object a line")
    .action(async (space: string, item: string | undefined, options: { url: string; token?: string }) => {
      const client = new HttpClient(options);
      if (item === undefined) await printSpace(client, space);
      else await printItem(client, space, item);
    });
}

async function printItem(client: HttpClient, space: string, item: string): Promise<void> {
  const found = await client.getItem(space, item);
  if (found === undefined) {
    console.error(`longshore: there is no item ${item} in ${space}`);
    process.exitCode = EXIT.refused;
    return;
  }
  console.log(JSON.stringify(found.value, null, 2));
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
