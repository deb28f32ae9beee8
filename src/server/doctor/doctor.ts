import type { SystemParts } from '../backends.ts';
import { type Config, isLoopback, parseConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { systemClock, systemRandom } from '../system.ts';
import { examineClock } from './clocks.ts';
import { type Check, type Finding, fail, ok, warn, within } from './findings.ts';
import { examineBlobs, examineBus } from './hints.ts';
import { examineAddress, examineFiles, examineFolder, examineNode, examineSecret } from './host.ts';
import { examineCache } from './memcached.ts';
import { examineStore } from './store.ts';

type Values = { readonly [name: string]: string | undefined };

/** What a service may take to answer, with its own deadlines well within. */
const CHECK_MS = 25_000;

/** Looks at everything that a server with these settings would stand on. Leaves nothing behind. */
export async function* examine(env: Values, flags: Values): AsyncGenerator<Finding> {
  yield* await examineNode();
  const outcome = parseConfig(env, flags);
  if (!outcome.ok) {
    for (const problem of outcome.problems)
      yield fail('settings', problem, 'see longshore serve --help and docs/operations.md');
    return;
  }
  const { config, warnings } = outcome;
  yield* outcome.warnings.map((warning) => warn('settings', warning, 'see docs/operations.md and docs/security.md'));
  if (warnings.length === 0) yield ok('settings', 'can be used');
  yield examineAuth(config);
  for (const check of checksOf(config)) yield* await within(CHECK_MS, check);
}

function checksOf(config: Config): Check[] {
  const parts: SystemParts = { clock: systemClock, random: systemRandom, log: createLog('silent') };
  return [
    { name: 'open files', examine: () => examineFiles(config) },
    { name: 'address', examine: () => examineAddress(config) },
    { name: 'data folder', examine: () => examineFolder(config) },
    { name: 'sealing key', examine: () => examineSecret(config) },
    { name: 'cache', examine: () => examineCache(config, parts) },
    { name: 'store', examine: () => examineStore(config, parts) },
    { name: 'blobs', examine: () => examineBlobs(config, parts) },
    { name: 'bus', examine: () => examineBus(config, parts) },
    { name: 'clock', examine: () => examineClock(config) },
  ];
}

function examineAuth({ auth, host }: Config): Finding {
  if (auth.modes.length > 0) return ok('sign-in', auth.modes.join(', '));
  if (isLoopback(host)) return ok('sign-in', 'none; only this machine reaches the address');
  return warn('sign-in', 'none: whoever reaches the address may do everything', 'set LONGSHORE_AUTH: docs/security.md');
}
