import { type HttpClient, mayRetry, RefusedError } from '../../client/http-client.ts';
import { pause } from '../../client/timing.ts';

const FIRST_MS = 100;
/** Those who try to find out what became of something do not stay away for long. */
const LONGEST_MS = 2_000;

/** Waits before the next try, as long as the server asks for; rejects as soon as `signal` aborts, and with `error` where trying again is of no use. */
export async function restAfter(
  client: HttpClient,
  failures: number,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (!mayRetry(error)) throw error;
  const asked = error instanceof RefusedError ? error.retryAfterMs : undefined;
  const ms = asked ?? Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  await pause(client.clock, ms * (1 + client.fraction() / 4), signal);
}
