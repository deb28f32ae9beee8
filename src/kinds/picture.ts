import { isObject, type Json } from '../base/json.ts';
import { MAX_PAINT_COST, MAX_PICTURE_OPS_BYTES, MAX_PICTURE_SIDE } from '../protocol/limits.ts';
import type { Applied, ApplyContext, Kind } from './kind.ts';
import { costOf } from './picture-cost.ts';
import { readDrawOps } from './picture-ops.ts';

/** What is fixed for the life of a picture, and how many operations it has had. The pixels are made of the operations, elsewhere and later. */
export type PictureState = { readonly width: number; readonly height: number; readonly index: number };

const CREATE = `the first operation of a picture is {"create": {"width": w, "height": h}}, integers, 1 to ${MAX_PICTURE_SIDE}`;

/** Operations in the order of their receipt, counted one by one; nothing is drawn here. */
export const picture: Kind<PictureState | null> = {
  name: 'picture',
  keepDeltaBytes: 8 * 1024,
  lastWins: false,
  empty: () => null,
  apply(state: PictureState | null, op: unknown, _context: ApplyContext): Applied<PictureState | null> {
    if (state === null) return create(op);
    if (isObject(op) && Object.hasOwn(op, 'create')) return badOp('the picture is there already; its size is fixed');
    const read = readDrawOps(op);
    if ('fault' in read) return badOp(read.fault);
    if (isTooLarge(op)) return { result: 'tooLarge', limit: MAX_PICTURE_OPS_BYTES };
    if (costOf(state, read.ops) > MAX_PAINT_COST) return { result: 'tooLarge', limit: MAX_PAINT_COST };
    const count = read.ops.length;
    return { result: 'ok', state: { ...state, index: state.index + count }, delta: op as Json, count };
  },
  replay(state: PictureState | null, delta: Json): PictureState | null {
    const op = delta as { create?: { width: number; height: number }; ops?: readonly Json[] };
    if (state === null) return op.create === undefined ? null : { ...op.create, index: 1 };
    return { ...state, index: state.index + (op.ops?.length ?? 1) };
  },
  ops: (delta: Json) => (delta as { readonly ops?: readonly Json[] }).ops ?? [delta],
  encode: (state) => state,
  decode: (encoded) => encoded as PictureState | null,
  value: (state) => state,
};

function create(op: unknown): Applied<PictureState | null> {
  const size = isObject(op) && Object.keys(op).length === 1 ? op.create : undefined;
  if (!isObject(size) || Object.keys(size).length !== 2) return badOp(CREATE);
  const { width, height } = size;
  if (!isSide(width) || !isSide(height)) return badOp(CREATE);
  return { result: 'ok', state: { width, height, index: 1 }, delta: op as Json, count: 1 };
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_PICTURE_SIDE;
}

/** All that was accepted is ASCII: a character is a byte. */
function isTooLarge(op: unknown): boolean {
  return JSON.stringify(op).length > MAX_PICTURE_OPS_BYTES;
}

function badOp(detail: string): Applied<never> {
  return { result: 'invalid', code: 'badOp', detail };
}
