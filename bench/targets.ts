import type { Result } from './load/job.ts';
import { align } from './report.ts';

/** Medians by `case/subject`. */
export type Found = ReadonlyMap<string, Result>;

type Target = {
  readonly name: string;
  readonly bound: string;
  /** `undefined` where it was not measured. */
  readonly judge: (found: Found) => { readonly measured: string; readonly met: boolean } | undefined;
};

export type Verdict = {
  readonly name: string;
  readonly bound: string;
  readonly measured: string;
  readonly met: boolean;
};

/** What the server's core spends on one operation, memcached's part included. */
function coreUs(result: Result | undefined): number | undefined {
  return result?.us === undefined ? undefined : result.us + (result.cacheUs ?? 0);
}

function ratio(name: string, floor: string, ours: string, least: number): Target {
  return {
    name,
    bound: `>= ${least} x floor`,
    judge: (found) => {
      const [base, own] = [found.get(floor), found.get(ours)];
      const [baseUs, ownUs] = [coreUs(base), coreUs(own)];
      if (baseUs === undefined || ownUs === undefined) return undefined;
      const byRate = (own?.rate ?? 0) / (base?.rate ?? 1);
      return {
        measured: `${(baseUs / ownUs).toFixed(2)} (by rate ${byRate.toFixed(2)})`,
        met: baseUs / ownUs >= least,
      };
    },
  };
}

type Limits = { readonly [figure: string]: number };

function atMost(name: string, key: string, limitsOf: (result: Result) => Limits, bound: string): Target {
  return {
    name,
    bound,
    judge: (found) => {
      const result = found.get(key);
      if (result === undefined) return undefined;
      const limits = Object.entries(limitsOf(result));
      const measured = limits
        .map(([figure]) => (result[figure] ?? Number.NaN).toFixed(figure === 'storeWrites' ? 0 : 1))
        .join(' / ');
      return {
        measured,
        met: limits.every(([figure, limit]) => (result[figure] ?? Number.POSITIVE_INFINITY) <= limit),
      };
    },
  };
}

/** Opened, reserved and released; between, once per 5 s at 20 moves/s. */
function storeWriteLimit(moves: number): number {
  return 3 + moves / 100;
}

const TARGETS: readonly Target[] = [
  ratio('fan-out, N = 1,000 (aim 0.8)', 'A1.1000/floor', 'A1.1000/longshore', 0.6),
  ratio('posts over memcached, floor with memjs', 'B/floorMemjs', 'B/longshore', 0.8),
  ratio('posts embedded', 'B/floor', 'B/embedded', 0.3),
  ratio('catch-up of 100', 'D/floor', 'D/longshore', 0.6),
  ratio('catch-up of 100 asked again, beside other questions', 'K.other/longshore', 'K.same/longshore', 1),
  ratio('the same in br, beside plain', 'K.same/longshore', 'K.br.same/longshore', 0.9),
  atMost('bytes of a catch-up of 100 in br', 'K.br.same/longshore', () => ({ bytes: 8_000 }), '<= 8,000'),
  atMost('kB per idle waiter', 'C/longshore', () => ({ kilobytes: 15 }), '<= 15'),
  atMost('round trips per move: warm / head held', 'R.moves/longshore', () => ({ warm: 2, held: 1 }), '<= 2 / 1'),
  atMost(
    'one wake of 1,000 polls: floor writes / shard / item multi-gets',
    'R.wake/longshore',
    () => ({ floorWrites: 1, shardReads: 1, itemReads: 1 }),
    '<= 1 / 1 / 1',
  ),
  atMost(
    'store writes of one item at 20/s',
    'W/longshore',
    ({ moves = 0 }) => ({ storeWrites: storeWriteLimit(moves) }),
    '<= 13 per 1,000',
  ),
  atMost('to another instance, ms: p50 / p99', 'E/longshore', () => ({ p50: 120, p99: 250 }), '<= 120 / 250'),
];

export function judge(found: Found): Verdict[] {
  return TARGETS.flatMap(({ name, bound, judge }) => {
    const outcome = judge(found);
    return outcome === undefined ? [] : [{ name, bound, ...outcome }];
  });
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ name, bound, measured, met }) => [name, bound, measured, met ? 'met' : 'MISSED']);
  return `Targets (ratios of CPU time per operation on the server's core)\n${align([['', 'bound', 'measured', ''], ...rows])}\n`;
}
