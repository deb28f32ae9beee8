import { isUnreachable, NoAnswerError, RefusedError } from '../client/http-client.ts';

export const EXIT = { ok: 0, refused: 1, usage: 2, noServer: 3 } as const;

/** Wrong words on the command line that commander cannot see. */
export class UsageError extends Error {}

/** What to tell the person at the terminal, and the code to end with. */
export function describeFailure(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) return { text: error.message, code: EXIT.usage };
  if (error instanceof RefusedError) {
    const later = error.retryAfterMs === undefined ? '' : `; try again in ${Math.ceil(error.retryAfterMs / 1000)} s`;
    return { text: `${error.code}: ${error.message}${later}`, code: EXIT.refused };
  }
  if (error instanceof NoAnswerError) {
    const hint = isUnreachable(error) ? '; start one with: npx longshore serve (or name another with --url)' : '';
    return { text: `${error.message}${hint}`, code: EXIT.noServer };
  }
  if (!(error instanceof Error)) return { text: String(error), code: EXIT.refused };
  const isTaken = 'code' in error && error.code === 'EADDRINUSE';
  const hint = isTaken ? '; take another port (--port 0: any free one)' : '';
  return { text: `${error.message}${hint}`, code: EXIT.refused };
}
