import { RefusedError } from '../../client/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Raster } from '../../raster/raster.ts';
import { ask, type ItemSource, opPages, type StreamedOp } from '../shared/item-source.ts';
import { readPng } from './png.ts';

export type StreamOptions = {
  readonly source: ItemSource;
  readonly clock: Clock;
  /** There is no picture yet. */
  readonly create: () => Promise<void>;
  /** The picture with everything up to a version. */
  readonly onPicture: (raster: Raster, version: number) => void;
  readonly onOps: (ops: readonly StreamedOp[]) => void;
};

const PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;

/**
 * The picture and every operation after it, in their order. Begins again with the picture where operations were taken back, and where an image is stamped: images are drawn by
 * the server alone, since browsers do not decode them alike.
 */
export async function followPicture({ source, clock, create, onPicture, onOps }: StreamOptions): Promise<void> {
  const { signal } = source;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const answer = await ask(source, '/picture.png');
      const raster = await readPng(new Uint8Array(await answer.arrayBuffer()));
      const told = (name: string): string => answer.headers.get(`Longshore-${name}`) ?? '';
      onPicture(raster, Number(told('Version')));
      failures = 0;
      for await (const page of opPages(source, Number(told('Index')), told('Lineage'))) {
        if (page.replaced !== undefined || page.ops.some(({ op }) => isStamp(op))) break;
        onOps(page.ops);
      }
    } catch (error) {
      failures++;
      if (error instanceof RefusedError && error.status === 404) await create().catch(() => undefined);
    }
    if (failures > 1 && !signal.aborted) await clock.sleep(Math.min(PAUSE_MS * failures, MAX_PAUSE_MS));
  }
}

function isStamp(op: unknown): boolean {
  return typeof op === 'object' && op !== null && 'stamp' in op;
}
