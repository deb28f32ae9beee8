import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { UnitCosts } from './derive.ts';
import type { Raw } from './raw.ts';

export const COST_FILE: string = join(import.meta.dirname, '../results/unit-costs.json');

const amount = z.number().nonnegative();
const cost = { serverUs: amount, cacheUs: amount, cacheCalls: amount, cacheBytes: amount };

const COSTS = z.strictObject({
  post: z.strictObject({ ...cost, received: amount, sent: amount }),
  coldPost: z.strictObject({ ...cost, storeReads: amount }),
  coldPoll: z.strictObject({ ...cost, storeReads: amount }),
  storeWrite: z.strictObject({ ...cost, reads: amount }),
  look: z.strictObject(cost),
  safetyLook: z.strictObject(cost),
  delivery: z.strictObject({ serverUs: amount, received: amount, sent: amount }),
  pair: z.strictObject({ ...cost, storeReads: amount }),
  client: z.strictObject({ ...cost, storeReads: amount, storeWrites: amount }),
  instance: z.strictObject({ ...cost, storeReads: amount }),
  memory: z.strictObject({ poll: amount, space: amount, item: amount }),
  picture: z.strictObject({ blobWrites: amount }),
});

const FILE = z.object({
  measuredAt: z.iso.datetime(),
  node: z.string().startsWith('v'),
  machine: z.string(),
  /** Of `src` as it was measured. */
  source: z.string().length(16),
  /** Too short to be relied on. */
  quick: z.boolean(),
  /** Costs that came out below nothing, and are 0 here. */
  rough: z.array(z.string()),
  costs: COSTS,
});

export type CostFile = {
  readonly measuredAt: string;
  readonly node: string;
  readonly machine: string;
  readonly source: string;
  readonly quick: boolean;
  readonly rough: readonly string[];
  readonly costs: UnitCosts;
};

/** `raw`: what the costs were worked out from, for whoever wants to check. */
export function writeCosts(file: CostFile & { readonly raw: Raw }, path = COST_FILE): void {
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
}

/** What was measured so far, so that a case that failed can be measured again alone; not in the repository. */
const RAW_FILE = join(import.meta.dirname, '../results/costs-so-far.json');

export function writeRaw(source: string, quick: boolean, raw: Partial<Raw>): void {
  writeFileSync(RAW_FILE, `${JSON.stringify({ source, quick, raw }, null, 2)}\n`);
}

/** Nothing, where it is of other code or of another length. */
export function readRaw(source: string, quick: boolean): Partial<Raw> {
  if (!existsSync(RAW_FILE)) return {};
  const kept = JSON.parse(readFileSync(RAW_FILE, 'utf8')) as { source: string; quick: boolean; raw: Partial<Raw> };
  return kept.source === source && kept.quick === quick ? kept.raw : {};
}

/** Throws where there is none, or it is not one. */
export function readCosts(path = COST_FILE): CostFile {
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run bench -- --costs makes it`);
  const parsed = FILE.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new Error(`${path} is not a file of unit costs: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** What is to be said before anybody relies on the figures; `stale`: they are of other code. */
export function judgeCosts(
  file: CostFile,
  now: { readonly source: string; readonly node: string },
): {
  readonly stale?: string;
  readonly warnings: readonly string[];
} {
  const warnings: string[] = [];
  if (file.quick) warnings.push('the unit costs are from a quick run: npm run bench -- --costs measures them properly');
  if (file.rough.length > 0) warnings.push(`too small to be measured, and taken as 0: ${file.rough.join(', ')}`);
  if (file.node !== now.node) warnings.push(`the unit costs were measured on Node ${file.node}, this is ${now.node}`);
  if (file.source === now.source) return { warnings };
  const stale = `the unit costs are of other code: they were measured on src ${file.source} at ${file.measuredAt}, and src is ${now.source} now`;
  return { stale, warnings };
}
