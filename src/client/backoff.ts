const FIRST_MS = 250;
const MAX_MS = 15_000;

/**
 * Milliseconds before the next try: what the server asks for, else twice as long with each failure in a row; plus up to a
 * quarter, so that clients do not come together. `fraction` is uniform in [0, 1).
 */
export function pauseMs(failures: number, retryAfterMs: number | undefined, fraction: number): number {
  const own = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return (retryAfterMs ?? own) * (1 + fraction / 4);
}

/** `Retry-After` in seconds as milliseconds; dates and nonsense count as absent. */
export function readRetryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1_000 : undefined;
}
