import { pino } from 'pino';
import type { Log } from '../ports/log.ts';

/** Never in the log, whoever hands them in. */
const SECRET_FIELDS = ['secret', 'secrets', 'password', 'token', 'ticket', 'marker', 'authorization', 'cookie'];

/** JSON lines on stderr, so that stdout stays for what the command line prints. `severity` is what Cloud Logging reads. */
export function createLog(level: string, destination: pino.DestinationStream = pino.destination(2)): Log {
  return pino(
    {
      level,
      base: undefined,
      messageKey: 'message',
      formatters: { level: (label) => ({ severity: label.toUpperCase().replace('WARN', 'WARNING') }) },
      serializers: { error: describeError, err: describeError },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    destination,
  );
}

/** Driver errors carry whole requests: of an error only what identifies it is kept. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? 'not an Error' : error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? { code: error.code } : {};
  return { name, message, ...code, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) };
}
