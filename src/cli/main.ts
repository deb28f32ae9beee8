import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { archiveCommand } from './archive.ts';
import { doctorCommand } from './doctor.ts';
import { describeFailure, EXIT } from './failures.ts';
import { getCommand } from './get.ts';
import { lockCommand } from './lock.ts';
import { monkeysCommand } from './monkeys.ts';
import { postCommand } from './post.ts';
import { replayCommand } from './replay.ts';
import { serveCommand } from './serve.ts';
import { defaultUrl, HTTP_URL, isHttpUrl } from './server-url.ts';
import { paint } from './terminal.ts';
import { tokenCommand } from './token.ts';
import { watchCommand } from './watch.ts';

function readUrl(text: string): string {
  if (!isHttpUrl(text)) throw new InvalidArgumentError(HTTP_URL);
  return text;
}

function tokenOption(): Option {
  return new Option('--token <token>', 'token or key; others on this machine may see it').env('LONGSHORE_TOKEN');
}

function createProgram(): Command {
  const program = new Command('longshore')
    .description('Realtime shared state: a server, and a client to look into it.')
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes: ${EXIT.ok} done, ${EXIT.refused} refused or failed, ${EXIT.usage} wrong usage, ${EXIT.noServer} no server there.`,
    );
  serveCommand(program.command('serve'));
  for (const add of [watchCommand, postCommand, getCommand, lockCommand, replayCommand]) {
    add(program)
      .requiredOption('--url <url>', 'where the server is (LONGSHORE_URL)', readUrl, defaultUrl())
      .addOption(tokenOption());
  }
  monkeysCommand(program)
    .option('--url <url...>', 'where the server is (LONGSHORE_URL), or several over one cache and store', [
      defaultUrl(),
    ])
    .addOption(tokenOption());
  tokenCommand(program);
  doctorCommand(program.command('doctor'));
  archiveCommand(program.command('archive'));
  // Subcommands copy the settings of their parent only when they are made by it.
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.exitOverride().showHelpAfterError('(add --help for what there is)');
  }
  return program;
}

try {
  await createProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const { text, code } = describeFailure(error);
    console.error(`${paint('red', 'longshore:', process.stderr)} ${text}`);
    process.exitCode = code;
  }
}
