import { isObject } from '../base/json.ts';
import {
  MAX_COORDINATE,
  MAX_PICTURE_OPS,
  MAX_PIXELS_PER_OP,
  MAX_STROKE_POINTS,
  MAX_STROKE_WIDTH,
  MIN_COORDINATE,
} from '../protocol/limits.ts';
import { COLOR, type DrawOp } from '../raster/ops.ts';

/** What is wrong with an operation, or nothing. Numbers that are no integers are refused, never rounded: what is drawn is what was sent. */
export type Fault = string | undefined;

const FORM = 'an operation has exactly one of stroke, pixels, fill, stamp and clear';
const HASH = /^[0-9a-f]{64}$/;

/** The operations of an update: one alone, or several as `{"ops": […]}`. */
export function readDrawOps(op: unknown): { readonly ops: readonly DrawOp[] } | { readonly fault: string } {
  const many = isObject(op) && Object.keys(op).length === 1 && Object.hasOwn(op, 'ops');
  const ops: unknown = many ? op.ops : [op];
  if (!Array.isArray(ops) || ops.length === 0 || ops.length > MAX_PICTURE_OPS) {
    return { fault: `ops: must be a list of 1 to ${MAX_PICTURE_OPS} operations` };
  }
  for (const [i, one] of ops.entries()) {
    const fault = faultOf(one);
    if (fault !== undefined) return { fault: many ? `ops[${i}]: ${fault}` : fault };
  }
  return { ops: ops as readonly DrawOp[] };
}

function faultOf(op: unknown): Fault {
  if (!isObject(op)) return FORM;
  const [name, ...more] = Object.keys(op);
  if (more.length > 0) return FORM;
  switch (name) {
    case 'stroke':
      return within('stroke', faultOfStroke(op.stroke));
    case 'pixels':
      return within('pixels', faultOfPixels(op.pixels));
    case 'fill':
      return within('fill', faultOfFields(op.fill, { x: isCoordinate, y: isCoordinate, color: isColor }));
    case 'stamp':
      return within('stamp', faultOfFields(op.stamp, { x: isCoordinate, y: isCoordinate, hash: isHash }));
    case 'clear':
      return op.clear === true ? undefined : 'clear: must be true';
    default:
      return FORM;
  }
}

function faultOfStroke(value: unknown): Fault {
  const fault = faultOfFields(value, { color: isColor, width: isWidth, points: Array.isArray });
  if (fault !== undefined) return fault;
  const { points } = value as { readonly points: readonly unknown[] };
  if (points.length === 0 || points.length > MAX_STROKE_POINTS) return `points: must be 1 to ${MAX_STROKE_POINTS}`;
  const at = points.findIndex((point) => !(Array.isArray(point) && point.length === 2 && point.every(isCoordinate)));
  return at < 0 ? undefined : `points[${at}]: must be [x, y], ${COORDINATES}`;
}

function faultOfPixels(value: unknown): Fault {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_PIXELS_PER_OP) {
    return `must be a list of 1 to ${MAX_PIXELS_PER_OP}`;
  }
  for (const [i, pixel] of value.entries()) {
    const fault = faultOfFields(pixel, { x: isCoordinate, y: isCoordinate, c: isColor });
    if (fault !== undefined) return `[${i}]: ${fault}`;
  }
  return undefined;
}

/** Exactly these fields, each as it has to be. */
function faultOfFields(value: unknown, fields: { readonly [name: string]: (value: unknown) => boolean }): Fault {
  const names = Object.keys(fields);
  if (!isObject(value) || Object.keys(value).length !== names.length) return `must have ${names.join(', ')}`;
  for (const [name, test] of Object.entries(fields)) {
    if (!Object.hasOwn(value, name)) return `must have ${names.join(', ')}`;
    if (!test(value[name])) return `${name}: must be ${MEANINGS[name] ?? 'a list'}`;
  }
  return undefined;
}

const COORDINATES = `integers, ${MIN_COORDINATE} to ${MAX_COORDINATE}`;
const MEANINGS: { readonly [name: string]: string } = {
  x: `one of the ${COORDINATES}`,
  y: `one of the ${COORDINATES}`,
  c: '#rrggbb or #rrggbbaa in lower case',
  color: '#rrggbb or #rrggbbaa in lower case',
  width: `an integer, 1 to ${MAX_STROKE_WIDTH}`,
  hash: 'the hash of a resource, 64 hexadecimal digits in lower case',
};

function isCoordinate(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= MIN_COORDINATE && (value as number) <= MAX_COORDINATE;
}

function isWidth(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_STROKE_WIDTH;
}

function isColor(value: unknown): boolean {
  return typeof value === 'string' && COLOR.test(value);
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && HASH.test(value);
}

function within(name: string, fault: Fault): Fault {
  if (fault === undefined) return undefined;
  return fault.startsWith('[') ? name + fault : `${name}: ${fault}`;
}
