import type { HttpClient } from '../../client/http-client.ts';
import { pause } from '../../client/timing.ts';
import type { Clock } from '../../ports/clock.ts';
import { checkTotals, type Read, readFinal } from './final.ts';
import { compareServers, type Finding, judge } from './judge.ts';
import type { Run } from './monkey.ts';
import { restAfter } from './retry.ts';
import type { Viewer } from './sight.ts';

export type Diverged = { readonly viewer: string; readonly item: string; readonly why: string };
export type Verdict = { readonly findings: readonly Finding[]; readonly diverged: readonly Diverged[] };

export type VerdictParts = {
  readonly run: Run;
  readonly items: readonly string[];
  /** One for each server. */
  readonly clients: readonly HttpClient[];
  readonly viewers: readonly Viewer[];
  readonly clock: Clock;
  readonly patienceMs: number;
};

const LOOK_MS = 50;
const AGAIN_MS = 500;

/** Looks again and again until it holds, or `ms` have passed. */
export async function waitUntil(clock: Clock, ms: number, signal: AbortSignal, holds: () => boolean): Promise<void> {
  const end = clock.monotonic() + ms;
  while (!holds() && clock.monotonic() < end) await pause(clock, LOOK_MS, signal);
}

/** Again, as long as patience lasts, where something came after the end was read: an update that nobody answered, or one that a client has brought back. */
export async function reachVerdict(parts: VerdictParts): Promise<Verdict> {
  const { clock, patienceMs, run } = parts;
  const end = clock.monotonic() + patienceMs;
  for (;;) {
    const { isTooSoon, ...verdict } = await lookOnce(parts);
    const isWell = verdict.diverged.length + verdict.findings.length === 0;
    const mayChange = isTooSoon || run.ledger.unanswered() > 0;
    if (!mayChange || isWell || clock.monotonic() > end) return verdict;
    await pause(clock, AGAIN_MS, run.ending);
  }
}

async function lookOnce(parts: VerdictParts): Promise<Verdict & { readonly isTooSoon: boolean }> {
  const { clock, patienceMs, run, viewers } = parts;
  const { finals, findings } = await judgeItems(parts);
  const finalOf = ({ item }: Viewer): Read => finals.get(item) ?? NOTHING;
  await waitUntil(clock, patienceMs, run.ending, () => viewers.every((one) => one.hasReached(finalOf(one))));
  const diverged = viewers.flatMap((one): Diverged[] => {
    const whys = [...one.faults, one.differs(finalOf(one)) ?? []].flat();
    return whys.map((why) => ({ viewer: one.name, item: one.item, why }));
  });
  return { findings, diverged, isTooSoon: viewers.some((one) => one.isAhead(finalOf(one))) };
}

const NOTHING: Read = { version: 0, value: null, deeds: undefined, ops: undefined };

/** What each server says in the end, held against the ledger and against the others. */
async function judgeItems(parts: VerdictParts): Promise<{ finals: Map<string, Read>; findings: Finding[] }> {
  const { run, items, clients } = parts;
  const finals = new Map<string, Read>();
  const findings: Finding[] = [];
  const ofItems = Map.groupBy(run.ledger.entries, ({ item }) => item);
  for (const item of items) {
    for (const client of clients) {
      const read = await patiently(parts, client, () => readFinal(run, client, item, run.ending));
      const first = finals.get(item);
      if (first) {
        findings.push(...compareServers(item, first, read));
        continue;
      }
      finals.set(item, read);
      findings.push(...judge(run.work, item, ofItems.get(item) ?? [], read));
      findings.push(...(await patiently(parts, client, () => checkTotals(run, client, item, read))));
    }
  }
  return { finals, findings };
}

async function patiently<T>(
  { clock, patienceMs, run }: VerdictParts,
  client: HttpClient,
  call: () => Promise<T>,
): Promise<T> {
  const end = clock.monotonic() + patienceMs;
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (clock.monotonic() > end) throw error;
      await restAfter(client, failures, error, run.ending);
    }
  }
}
