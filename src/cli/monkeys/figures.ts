/** Counters of a server; `undefined`: it does not let itself be read from here, or does not count that. */
export type Figures = {
  /** When each server was started. */
  readonly lives: string;
  readonly storeWrites: number | undefined;
  readonly cacheTrips: number | undefined;
};

const PATIENCE_MS = 5_000;

/** Counters of all servers together, from their `/metrics`. */
export async function readFigures(urls: readonly string[]): Promise<Figures> {
  const pages = await Promise.all(urls.map(readPage));
  const sum = (name: string) => pages.map((page) => valueIn(page, name)).reduce(add, 0);
  const lives = pages.map((page) => valueIn(page, 'process_start_time_seconds')).join();
  return { lives, storeWrites: sum('longshore_store_writes_total'), cacheTrips: sum('longshore_cache_trips_total') };
}

async function readPage(url: string): Promise<string> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(`${url.replace(/\/+$/, '')}/metrics`, { signal });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}

function valueIn(page: string, name: string): number | undefined {
  const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(page) ?? [];
  return value === undefined ? undefined : Number(value);
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

/** Per operation, between two readings. Not known where a server was started anew: its counters began at 0. */
export function perOp(
  name: 'storeWrites' | 'cacheTrips',
  before: Figures,
  after: Figures,
  ops: number,
): number | undefined {
  const [from, to] = [before[name], after[name]];
  if (from === undefined || to === undefined || before.lives !== after.lives || ops === 0) return undefined;
  return (to - from) / ops;
}
