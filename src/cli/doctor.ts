import type { Command } from 'commander';
import type { Finding } from '../server/doctor/findings.ts';
import { EXIT } from './failures.ts';
import { addServerOptions } from './server-options.ts';
import { paint } from './terminal.ts';

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export function doctorCommand(command: Command): Command {
  return addServerOptions(command)
    .description('look at everything that a server with these settings would stand on, and say what to fix')
    .option('--json', 'one JSON object: ok, and findings with check, level, detail and fix')
    .addHelpText(
      'after',
      '\nTakes the settings as serve does, from the environment and its flags. Changes nothing.\n\nExamples:\n' +
        '  longshore doctor\n' +
        '  longshore doctor --cache memcached://127.0.0.1:11211 --store datastore:my-project\n' +
        '  longshore doctor --json | jq -r \'.findings[] | select(.level != "ok") | .fix\'',
    )
    .action(async ({ json, ...flags }: { json?: boolean } & { [flag: string]: string }) => {
      const { examine } = await import('../server/doctor/doctor.ts');
      const findings: Finding[] = [];
      for await (const finding of examine(process.env, flags)) {
        findings.push(finding);
        if (!json) print(finding);
      }
      const failed = findings.filter(({ level }) => level === 'fail').length;
      if (json) console.log(JSON.stringify({ ok: failed === 0, findings }));
      else console.log(summary(findings, failed));
      process.exitCode = failed === 0 ? EXIT.ok : EXIT.refused;
    });
}

function print({ check, level, detail, fix }: Finding): void {
  console.log(`${paint(STYLES[level], level.padEnd(4))}  ${check.padEnd(12)}  ${detail}`);
  if (fix !== undefined) console.log(`${' '.repeat(20)}${paint('bold', 'to fix:')} ${fix}`);
}

function summary(findings: readonly Finding[], failed: number): string {
  const warned = findings.filter(({ level }) => level === 'warn').length;
  if (failed > 0)
    return `\n${failed} of ${findings.length} failed: a server would not serve, or not keep its promises.`;
  return warned > 0 ? `\nA server would run; ${warned} of ${findings.length} should be looked at.` : '\nAll is well.';
}
