import { perOp } from './figures.ts';
import type { Finding, Sort } from './judge.ts';
import type { MonkeysOptions, Result } from './run.ts';
import type { Diverged } from './verdict.ts';

export type Report = {
  readonly ok: boolean;
  readonly kind: string;
  readonly space: string;
  readonly monkeys: number;
  readonly goOffline: number;
  readonly viewers: number;
  readonly items: number;
  readonly seconds: number;
  readonly seed: number;
  readonly posted: number;
  readonly acknowledged: number;
  readonly unanswered: number;
  /** By their code. */
  readonly refused: { readonly [code: string]: number };
  readonly waits: { readonly [code: string]: number };
  readonly views: number;
  /** From post to view; null: nothing was measured. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Per acknowledged update; null: not known. */
  readonly storeWritesPerOp: number | null;
  readonly cacheTripsPerOp: number | null;
  readonly converged: number;
  readonly counts: { readonly [sort in Sort]: number };
  /** Of either at most `MAX_TOLD`. */
  readonly findings: readonly Finding[];
  readonly diverged: readonly Diverged[];
};

const MAX_TOLD = 20;
const WORDS: { readonly [sort in Sort]: string } = {
  lost: 'lost',
  doubled: 'doubled',
  disordered: 'out of order',
  strange: 'strange',
};

export function reportOn(options: MonkeysOptions, result: Result): Report {
  const { ledger, findings, diverged, before, after, goOffline } = result;
  const { kind, space, monkeys, viewers, items, seconds, seed } = options;
  const counts = { lost: 0, doubled: 0, disordered: 0, strange: 0 };
  for (const { sort } of findings) counts[sort]++;
  const { posted, acknowledged, views } = ledger;
  return {
    ok: acknowledged > 0 && findings.length + diverged.length === 0,
    ...{ kind, space, monkeys, goOffline, viewers, items, seconds, seed, posted, acknowledged },
    unanswered: ledger.unanswered(),
    refused: Object.fromEntries(ledger.refusals),
    waits: Object.fromEntries(ledger.waits),
    views,
    p50Ms: rounded(ledger.latency(50)),
    p99Ms: rounded(ledger.latency(99)),
    storeWritesPerOp: rounded(perOp('storeWrites', before, after, acknowledged)),
    cacheTripsPerOp: rounded(perOp('cacheTrips', before, after, acknowledged)),
    converged: viewers - new Set(diverged.map(({ viewer }) => viewer)).size,
    counts,
    findings: findings.slice(0, MAX_TOLD),
    diverged: diverged.slice(0, MAX_TOLD),
  };
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 100) / 100;
}

/** For people. */
export function linesOf(report: Report): string[] {
  const { kind, monkeys, goOffline, viewers, items, seconds, seed, posted, acknowledged, unanswered, counts } = report;
  const known = (value: number | null, unit = '') => (value === null ? 'not known' : `${value}${unit}`);
  const counted = (value: number | null, what: string) => (value === null ? `${what} not known` : `${value} ${what}`);
  const refused = Object.entries(report.refused).map(([code, count]) => `${count} refused (${code})`);
  const unheard = unanswered > 0 ? [`${unanswered} without an answer`] : [];
  const tries = Object.entries(report.waits).map(([code, count]) => `${count} × ${code}`);
  const { p50Ms, p99Ms, views, storeWritesPerOp, cacheTripsPerOp, converged, findings, diverged } = report;
  return [
    `${monkeys} monkeys (${goOffline} go offline), ${viewers} viewers, ${items} × ${kind}, ${seconds} s, seed ${seed}`,
    `updates    ${[`${posted} posted`, `${acknowledged} acknowledged`, ...refused, ...unheard].join(', ')}`,
    ...(tries.length > 0 ? [`retries    ${tries.join(', ')}`] : []),
    `to a view  p50 ${known(p50Ms, ' ms')}, p99 ${known(p99Ms, ' ms')}, ${views} views`,
    `per update ${counted(storeWritesPerOp, 'store writes')}, ${counted(cacheTripsPerOp, 'cache trips')}`,
    `converged  ${converged} of ${viewers} viewers`,
    `wrong      ${Object.entries(WORDS)
      .map(([sort, word]) => `${counts[sort as Sort]} ${word}`)
      .join(', ')}`,
    ...findings.map(({ sort, item, what }) => `  ${WORDS[sort]}: ${item}: ${what}`),
    ...diverged.map(({ viewer, item, why }) => `  diverged: ${viewer} of ${item}: ${why}`),
    verdictOf(report),
  ];
}

function verdictOf({ ok, acknowledged, converged, viewers }: Report): string {
  if (ok) return 'well: nothing was lost, and everybody sees the same';
  if (acknowledged === 0) return 'BAD: nothing was acknowledged';
  return converged < viewers
    ? 'BAD: not everybody sees what the server has'
    : 'BAD: what was acknowledged is not what is there';
}
