import type { Floor } from '../model/floor-record.ts';
import type { Head } from '../model/head.ts';
import type { Epoch, Version } from '../protocol/ids.ts';

/*
 * When an index entry is written, how long it covers, and whether a reader must look at an item. Pure; used by writer and reader alike.
 *
 * A reader publishes T as the floor, then reads. A writer makes its change visible, then reads the floor again. While the floor is at or below
 * the coverage, every reader whose marker is older still finds the entry; a floor beyond it means that a reader may have passed
 * unnoticed, and the change is said again. No clock takes part, so none can be wrong.
 */

export type CoveragePlan = { readonly renew: boolean; readonly e: Epoch; readonly cu: number };

/**
 * Renewed when less than a third is left, so that a change committed under it is seldom found late. No coverage is longer than `coverMs`: a
 * lost shard is trusted again from `sinceAfterLoss` on, when all that it named has ended.
 */
export function planCoverage(head: Pick<Head, 'e' | 'cu'>, floor: Floor, coverMs: number): CoveragePlan {
  if (head.e === floor.e && head.cu - coverMs / 3 > floor.F) return { renew: false, e: head.e, cu: head.cu };
  return { renew: true, e: floor.e, cu: floor.F + coverMs };
}

/** The post-check: with the floor read after the change was visible. */
export function isCovered(coverage: { readonly e: Epoch; readonly cu: number }, floor: Floor): boolean {
  return coverage.e === floor.e && floor.F <= coverage.cu;
}

export function sinceAfterLoss(floor: Floor, coverMs: number): number {
  return floor.F + coverMs + 1;
}

/** Must a reader with a marker at T look at an item named with coverage `cu`? */
export function mustLook(cu: number, markerT: number): boolean {
  return cu >= markerT;
}

/**
 * Must the next marker remember which version of the item was delivered? As long as the item can be named again for a reader at T.
 */
export function mustRemember(head: Head, named: number, epoch: Epoch, T: number): boolean {
  return named >= T || (head.e === epoch && head.cu >= T) || head.ku >= T;
}

/** The version a reader is known to have, judged by the entries that name the item for it. */
export function baseOf(entries: readonly { readonly cu: number; readonly base: Version }[], markerT: number): Version {
  let base = Number.POSITIVE_INFINITY;
  for (const entry of entries) if (mustLook(entry.cu, markerT) && entry.base < base) base = entry.base;
  return base;
}
