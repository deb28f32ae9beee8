import type { Command } from 'commander';
import { EXIT, UsageError } from './failures.ts';

type Options = { json?: boolean; space?: string; item?: string } & { [flag: string]: string };

export function archiveCommand(command: Command): Command {
  command.description('archived operations that were moved to the blobs');
  command
    .command('restore')
    .description('put them back into the store; the blobs stay')
    .option('--space <space>', 'of this space alone')
    .option('--item <item>', 'of this item of the space alone')
    .option('--store <url>', 'as of serve (LONGSHORE_STORE)')
    .option('--blobs <url>', 'as of serve (LONGSHORE_BLOBS)')
    .option('--data-dir <path>', 'where embedded data lies (LONGSHORE_DATA_DIR)')
    .option('--json', 'one JSON object: restored, present, ended, unreadable')
    .addHelpText(
      'after',
      '\nTakes the settings of the server, from the environment and its flags, and goes to store and blobs itself. A server may run, unless its store is\n' +
        'a file: stop that one first. May be repeated. They are moved to the blobs again after LONGSHORE_ARCHIVE_MS; 0 keeps them in the store.\n\n' +
        'Examples:\n  longshore archive restore\n' +
        '  longshore archive restore --space demo --item tags --store datastore:my-project --blobs gs://my-bucket',
    )
    .action(restore);
  return command;
}

async function restore({ json, space, item, ...flags }: Options): Promise<void> {
  if (item !== undefined && space === undefined) throw new UsageError('--item needs --space');
  // The server's parts are many: only who needs them waits for them.
  const { restoreArchive } = await import('../server/archive.ts');
  const only = { ...(space !== undefined && { space }), ...(item !== undefined && { item }) };
  const outcome = await restoreArchive(process.env, flags, only, (name, error) => {
    console.error(`longshore: ${name} cannot be read: ${reasonOf(error)}`);
  });
  if (!outcome.ok) throw new UsageError(`the settings cannot be used:\n  ${outcome.problems.join('\n  ')}`);
  const { restored, present, ended, unreadable } = outcome.counts;
  const passedOver = unreadable === 0 ? '' : `, ${unreadable} unreadable`;
  if (json) console.log(JSON.stringify(outcome.counts));
  else
    console.log(
      `${restored} records restored, ${present} in the store already, ${ended} of lives that have ended${passedOver}`,
    );
  process.exitCode = unreadable === 0 ? EXIT.ok : EXIT.refused;
}

/** Of what a backend says, what lies behind it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
