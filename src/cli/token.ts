import { type Command, Option } from 'commander';
import { makeApiKey, mintToken } from '../auth/mint.ts';
import { PATTERN_RULE, RIGHTS_RULE, readGrants } from '../auth/permissions.ts';
import { readDuration } from './duration.ts';
import { UsageError } from './failures.ts';

type MintOptions = {
  readonly spaces: string;
  readonly expires: string;
  readonly issuer: string;
  readonly audience: string;
  readonly json?: boolean;
};
type KeyOptions = { readonly spaces: string; readonly json?: boolean };
type Spaces = { readonly [pattern: string]: string };

const MIN_SECRET_CHARS = 32;
const MAX_EXPIRES_S = 365 * 86_400;

const spacesOption = () =>
  new Option('--spaces <json>', `rights by space: {"demo-*": "rw"}; ${RIGHTS_RULE}`).default('{"*":"rwla"}');

/** Credentials for development, and keys for programs. Nothing is sent to a server. */
export function tokenCommand(program: Command): Command {
  const command = program.command('token').description('make a token for development, or an API key');
  command
    .command('mint <subject>')
    .description('print a token signed with LONGSHORE_JWT_SECRET, for a server that was started with it')
    .addOption(spacesOption())
    .option('--expires <time>', 'how long it holds: 90s, 15m, 12h, 7d', '12h')
    .option('--issuer <issuer>', 'its claim iss', 'longshore')
    .option('--audience <audience>', 'its claim aud', 'longshore')
    .option('--json', 'as JSON, with what is in it')
    .addHelpText(
      'after',
      '\nExample:\n  LONGSHORE_JWT_SECRET=… longshore token mint ann --spaces \'{"demo-*": "rw"}\' --expires 7d',
    )
    .action(mint);
  command
    .command('key <name>')
    .description('print a new API key, and the entry for LONGSHORE_API_KEYS that lets it in')
    .addOption(spacesOption())
    .option('--json', 'as JSON: key, and entry')
    .addHelpText('after', '\nExample:\n  longshore token key robot --spaces \'{"demo-*": "rw"}\'')
    .action(makeKey);
  return command;
}

async function mint(subject: string, options: MintOptions): Promise<void> {
  const secret = process.env.LONGSHORE_JWT_SECRET ?? '';
  if (secret.length < MIN_SECRET_CHARS) {
    const form = `at least ${MIN_SECRET_CHARS} random characters, the same as the server's`;
    throw new UsageError(`LONGSHORE_JWT_SECRET must be in the environment: ${form}; try: openssl rand -base64 32`);
  }
  if (subject.trim() === '') throw new UsageError('the subject is empty');
  const { issuer, audience } = options;
  const spaces = readSpaces(options.spaces);
  const issuedAt = Math.floor(Date.now() / 1_000);
  const expiresAt = issuedAt + readDuration('--expires', options.expires, MAX_EXPIRES_S, '365d');
  const token = await mintToken({ secret, issuer, audience, subject, spaces, issuedAt, expiresAt });
  const described = { token, subject, issuer, audience, spaces, expiresAt: new Date(expiresAt * 1_000).toISOString() };
  console.log(options.json ? JSON.stringify(described) : token);
}

async function makeKey(name: string, options: KeyOptions): Promise<void> {
  if (!/^[A-Za-z0-9._-]{1,60}$/.test(name)) throw new UsageError('the name must be 1 to 60 of A-Z a-z 0-9 . _ -');
  const { key, sha256 } = makeApiKey();
  const entry = { name, sha256, spaces: readSpaces(options.spaces) };
  if (options.json) {
    console.log(JSON.stringify({ key, entry }));
    return;
  }
  console.log(`key    ${key}`);
  console.log(`entry  ${JSON.stringify(entry)}`);
  console.error('The key is shown this once. The entry belongs into the array of LONGSHORE_API_KEYS.');
}

function readSpaces(text: string): Spaces {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError('--spaces is not JSON; in a shell, put it into single quotes: \'{"demo-*": "rw"}\'');
  }
  if (readGrants(value) === undefined) throw new UsageError(`--spaces must map ${PATTERN_RULE} to ${RIGHTS_RULE}`);
  return value as Spaces;
}
