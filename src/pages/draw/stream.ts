import type { Clock } from '../../ports/clock.ts';
import type { OpsResponse } from '../../protocol/ops.ts';
import type { Raster } from '../../raster/raster.ts';
import { readPng } from './png.ts';

export type StreamedOp = OpsResponse['ops'][number];

export type StreamOptions = {
  /** Of the item, as in the API. */
  readonly url: string;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** There is no picture yet. */
  readonly create: () => Promise<void>;
  /** The picture with everything up to a version. */
  readonly onPicture: (raster: Raster, version: number) => void;
  readonly onOps: (ops: readonly StreamedOp[]) => void;
};

const WAIT_SECONDS = 25;
const PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;

/**
 * The picture and every operation after it, in their order. Begins again with the picture where operations were taken back, and where an image is stamped: images are drawn by
 * the server alone, since browsers do not decode them alike.
 */
export async function followPicture(options: StreamOptions): Promise<void> {
  const { clock, signal, create, onPicture } = options;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const answer = await ask(options, '/picture.png');
      if (answer.status === 404) {
        await create();
        failures++;
      } else {
        const raster = await readPng(new Uint8Array(await mustBeOk(answer).arrayBuffer()));
        const told = (name: string): string => answer.headers.get(`Longshore-${name}`) ?? '';
        onPicture(raster, Number(told('Version')));
        failures = 0;
        await followOps(options, Number(told('Index')), told('Lineage'));
      }
    } catch {
      failures++;
    }
    if (failures > 1 && !signal.aborted) await clock.sleep(Math.min(PAUSE_MS * failures, MAX_PAUSE_MS));
  }
}

/** Ends where the picture has to be fetched again. */
async function followOps(options: StreamOptions, from: number, lineage: string): Promise<void> {
  for (let index = from; !options.signal.aborted; ) {
    const query = new URLSearchParams({ index: String(index + 1), wait: String(WAIT_SECONDS), lineage });
    const answer = (await mustBeOk(await ask(options, `/ops?${query}`)).json()) as OpsResponse;
    if (answer.replaced !== undefined || answer.ops.some(({ op }) => isStamp(op))) return;
    index = answer.nextIndex - 1;
    options.onOps(answer.ops);
  }
}

function isStamp(op: unknown): boolean {
  return typeof op === 'object' && op !== null && 'stamp' in op;
}

function ask({ url, headers, signal }: StreamOptions, path: string): Promise<Response> {
  return fetch(url + path, { headers: headers(), signal });
}

function mustBeOk(answer: Response): Response {
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return answer;
}
