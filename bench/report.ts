import type { Result } from './load/job.ts';

/** How a figure is shown: its heading, its digits, and what it is multiplied by. */
type Column = { readonly heading: string; readonly digits: number; readonly by?: number };

const COLUMNS: { readonly [figure: string]: Column } = {
  rate: { heading: 'per s', digits: 0 },
  us: { heading: 'server us', digits: 1 },
  cacheUs: { heading: 'memcached us', digits: 1 },
  generatorUs: { heading: 'generator us', digits: 1 },
  p50: { heading: 'p50 ms', digits: 1 },
  p99: { heading: 'p99 ms', digits: 1 },
  lost: { heading: 'lost %', digits: 1, by: 100 },
  perAnswer: { heading: 'per answer', digits: 1 },
  arrived: { heading: 'arrived', digits: 0 },
  bytes: { heading: 'bytes', digits: 0 },
  kilobytes: { heading: 'kB/waiter', digits: 1 },
  idleCpu: { heading: 'idle CPU %', digits: 2, by: 100 },
  others: { heading: 'others %', digits: 0, by: 100 },
  held: { heading: 'head held', digits: 2 },
  warm: { heading: 'warm', digits: 2 },
  contended: { heading: 'contended', digits: 2 },
  floorWrites: { heading: 'floor writes', digits: 2 },
  shardReads: { heading: 'shard multi-gets', digits: 2 },
  itemReads: { heading: 'item multi-gets', digits: 2 },
  otherCalls: { heading: 'other calls', digits: 2 },
  wakeTrips: { heading: 'round trips', digits: 2 },
  moves: { heading: 'moves', digits: 0 },
  cacheCalls: { heading: 'cache calls', digits: 3 },
  cacheBytes: { heading: 'cache bytes', digits: 0 },
  toldAnswers: { heading: 'answers', digits: 2 },
  toldBytes: { heading: 'told bytes', digits: 0 },
  storeWrites: { heading: 'store writes', digits: 0 },
};

export type Row = { readonly label: string; readonly result: Result };

/** One table: a row per server, a column per figure. `more` gives a last column. */
export function table(title: string, rows: readonly Row[], more: (row: Row) => string = () => ''): string {
  const figures = Object.keys(rows[0]?.result ?? {}).filter((figure) => COLUMNS[figure] !== undefined);
  const cells = [['', ...figures.map((figure) => COLUMNS[figure]?.heading ?? figure), '']];
  for (const row of rows) {
    const shown = figures.map((figure) => show(figure, row.result[figure]));
    cells.push([row.label, ...shown, more(row)]);
  }
  return `${title}\n${align(cells)}\n`;
}

function show(figure: string, value: number | undefined): string {
  const { digits, by = 1 } = COLUMNS[figure] ?? { digits: 1 };
  return value === undefined || Number.isNaN(value) ? '-' : (value * by).toFixed(digits);
}

/** The first column to the left, the others to the right. */
export function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}

/** Each figure's median over the repetitions. */
export function medians(runs: readonly Result[]): Result {
  const figures = Object.keys(runs[0] ?? {});
  return Object.fromEntries(figures.map((figure) => [figure, median(runs.map((run) => run[figure] ?? Number.NaN))]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
