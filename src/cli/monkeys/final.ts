import { decodeImage } from '../../backends/images/sharp.ts';
import type { Json } from '../../base/json.ts';
import type { HttpClient } from '../../client/http-client.ts';
import { draw } from '../../raster/draw.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { Raster, toPixels } from '../../raster/raster.ts';
import type { Finding } from './judge.ts';
import type { Run } from './monkey.ts';
import type { Final } from './sight.ts';

/** Of operations and value that have to be of one moment. */
const MAX_TRIES = 10;

/** An item as a server has it. Operations are read from the first one on, as somebody would who comes later. */
export async function readFinal(run: Run, client: HttpClient, item: string, signal: AbortSignal): Promise<Read> {
  const { space, work } = run;
  let found = await client.getItem(space, item, signal);
  let ops: Json[] | undefined;
  for (let tries = 0; work.keepsOps && tries < MAX_TRIES; tries++) {
    const { version } = found ?? {};
    ops = await readOps(client, space, item, signal);
    found = await client.getItem(space, item, signal);
    if (found?.version === version) break;
  }
  const { kind, open } = work.client;
  const value = found === undefined ? null : kind.value(open(found.value as Json));
  const deeds = ops?.map((op) => work.deedsOf(op).join(' '));
  return { version: found?.version ?? 0, value, deeds, ops };
}

export type Read = Final & { readonly ops: readonly Json[] | undefined };

async function readOps(client: HttpClient, space: string, item: string, signal: AbortSignal): Promise<Json[]> {
  const ops: Json[] = [];
  for (;;) {
    const answer = await client.getOps(space, item, { index: ops.length + 1, wait: 0 }, signal);
    ops.push(...answer.ops.map(({ op }) => op as Json));
    if (answer.upToDate || answer.ops.length === 0) return ops;
  }
}

/** The value says how many operations there are; in a picture, the pixels are those that the operations make. */
export async function checkTotals(run: Run, client: HttpClient, item: string, read: Read): Promise<Finding[]> {
  const { ops, value } = read;
  if (ops === undefined || run.kind === 'set') return [];
  const { nextIndex, index = (nextIndex ?? 0) - 1 } = value as { readonly nextIndex?: number; readonly index?: number };
  const wrong = (what: string): Finding[] => [{ sort: 'strange', item, what }];
  if (index !== ops.length) return wrong(`its value tells of ${index} operations, and there are ${ops.length}`);
  if (run.kind !== 'picture') return [];
  const { bytes, index: drawn } = await client.getPicture(run.space, item);
  if (drawn !== ops.length) return wrong(`${drawn} of ${ops.length} operations are drawn`);
  const image = await decodeImage(bytes, 'image/png');
  return image && isDrawn(toPixels(image.rgba), ops) ? [] : wrong('its pixels are not those that its operations make');
}

function isDrawn(pixels: Uint32Array, ops: readonly Json[]): boolean {
  const [first, ...rest] = ops;
  const { create } = first as { readonly create?: { readonly width: number; readonly height: number } };
  if (create === undefined) return false;
  const raster = new Raster(create.width, create.height);
  draw(raster, rest as unknown as DrawOp[]);
  return (
    pixels.length === create.width * create.height &&
    pixels.every((pixel, i) => {
      return pixel === raster.get(i % create.width, Math.floor(i / create.width));
    })
  );
}
