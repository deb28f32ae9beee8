import type { RunReport } from './simulate.ts';

export type Failure = { runs: number; seed: number; detail: string };

/** Many runs, summed up. Plain data: travels between threads. */
export type Tally = {
  runs: number;
  failed: number;
  steps: number;
  counters: { [name: string]: number };
  /** By check: how many runs it failed in, the first seed, and what it said there. */
  failures: { [check: string]: Failure };
};

export function emptyTally(): Tally {
  return { runs: 0, failed: 0, steps: 0, counters: {}, failures: {} };
}

export function addRun(tally: Tally, report: RunReport): void {
  tally.runs++;
  tally.steps += report.steps;
  if (report.findings.length > 0) tally.failed++;
  for (const [name, count] of report.counters) tally.counters[name] = (tally.counters[name] ?? 0) + count;
  const checks = new Set<string>();
  for (const { check, detail } of report.findings) {
    if (!checks.has(check)) addFailure(tally, check, { runs: 1, seed: report.seed, detail });
    checks.add(check);
  }
}

export function mergeTally(sum: Tally, more: Tally): Tally {
  sum.runs += more.runs;
  sum.failed += more.failed;
  sum.steps += more.steps;
  for (const [name, count] of Object.entries(more.counters)) sum.counters[name] = (sum.counters[name] ?? 0) + count;
  for (const [check, failure] of Object.entries(more.failures)) addFailure(sum, check, failure);
  return sum;
}

function addFailure(tally: Tally, check: string, failure: Failure): void {
  const before = tally.failures[check];
  if (!before) tally.failures[check] = { ...failure };
  else {
    before.runs += failure.runs;
    if (failure.seed < before.seed) Object.assign(before, { seed: failure.seed, detail: failure.detail });
  }
}
