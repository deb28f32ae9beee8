import { UsageError } from './failures.ts';

const SECONDS: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a text like `90s`, `15m`, `12h` or `7d`. */
export function readDuration(flag: string, text: string, maxSeconds: number, shown: string): number {
  const [, count = '', unit = ''] = /^(\d{1,8})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  if (seconds < 1 || seconds > maxSeconds)
    throw new UsageError(`${flag} must be like 90s, 15m, 12h or 7d, at most ${shown}`);
  return seconds;
}
