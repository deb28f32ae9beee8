import { isObject } from '../base/json.ts';
import { utf8Bytes } from '../base/utf8.ts';
import { MAX_SET_AHEAD_MS, MAX_SET_ELEMENT_BYTES } from '../protocol/limits.ts';
import type { InvalidCode } from '../protocol/post-update.ts';

/** Added or removed at a time, ms. */
export type SetOp = readonly [verb: 'add' | 'remove', element: string, t: number];
export type Bias = 'add' | 'remove';

export type Read =
  | { readonly form: 'create'; readonly bias: Bias }
  | { readonly form: 'ops'; readonly ops: readonly SetOp[] }
  | { readonly form: 'invalid'; readonly code: InvalidCode; readonly detail: string };

const FORM =
  'a set takes {"ops": [["add"|"remove", element, ms], …]}, {"merge": {"adds": [[element, ms], …], "removes": […]}}, or first {"create": {"bias": "add"|"remove"}}';

/** Untrusted input. `now`: of operations without a time. */
export function readSetOp(op: unknown, now: number): Read {
  const keys = isObject(op) ? Object.keys(op) : [];
  if (!isObject(op) || keys.length !== 1) return bad(FORM);
  if (keys[0] === 'create') return readCreate(op.create);
  if (keys[0] === 'ops') return readOps(op.ops, now);
  if (keys[0] === 'merge') return readMerge(op.merge, now);
  return bad(FORM);
}

function readCreate(create: unknown): Read {
  if (!isObject(create) || Object.keys(create).some((key) => key !== 'bias')) return bad(FORM);
  const { bias = 'add' } = create;
  return bias === 'add' || bias === 'remove' ? { form: 'create', bias } : bad('bias is "add" or "remove"');
}

function readOps(ops: unknown, now: number): Read {
  if (!Array.isArray(ops) || ops.length === 0) return bad(FORM);
  const read: SetOp[] = [];
  for (const each of ops as unknown[]) {
    if (!Array.isArray(each) || each.length < 2 || each.length > 3) return bad(FORM);
    const [verb, element, t = now] = each as unknown[];
    if (verb !== 'add' && verb !== 'remove') return bad(FORM);
    const wrong = judge(element, t, now);
    if (wrong) return wrong;
    read.push([verb, element as string, t as number]);
  }
  return { form: 'ops', ops: read };
}

/** A whole replica is so many operations. Each has a time: it was made elsewhere. */
function readMerge(merge: unknown, now: number): Read {
  if (!isObject(merge) || Object.keys(merge).some((key) => key !== 'adds' && key !== 'removes')) return bad(FORM);
  const read: SetOp[] = [];
  for (const [verb, list = []] of [
    ['add', merge.adds],
    ['remove', merge.removes],
  ] as const) {
    if (!Array.isArray(list)) return bad(FORM);
    for (const each of list as unknown[]) {
      if (!Array.isArray(each) || each.length !== 2) return bad(FORM);
      const [element, t] = each as unknown[];
      const wrong = judge(element, t, now);
      if (wrong) return wrong;
      read.push([verb, element as string, t as number]);
    }
  }
  return { form: 'ops', ops: read };
}

function judge(element: unknown, t: unknown, now: number): (Read & { form: 'invalid' }) | undefined {
  if (typeof element !== 'string' || !element.isWellFormed() || utf8Bytes(element) > MAX_SET_ELEMENT_BYTES)
    return wrong('badElement', `an element is a string of well-formed Unicode, ${MAX_SET_ELEMENT_BYTES} bytes at most`);
  if (!Number.isSafeInteger(t) || (t as number) < 0) return wrong('badTime', 'a time is an integer, ms since 1970');
  if ((t as number) > now + MAX_SET_AHEAD_MS)
    return wrong('badTime', `a time is at most ${MAX_SET_AHEAD_MS / 1_000} s ahead of the server's, which is ${now}`);
  return undefined;
}

function bad(detail: string): Read & { form: 'invalid' } {
  return wrong('badOp', detail);
}

function wrong(code: InvalidCode, detail: string): Read & { form: 'invalid' } {
  return { form: 'invalid', code, detail };
}

/** Beside the element: verb, time, quotes, brackets. */
const OP_BYTES = 30;

/** What an operation takes in a delta, at most. */
export function opBytes(element: string): number {
  return jsonBytes(element) + OP_BYTES;
}

export function jsonBytes(element: string): number {
  return utf8Bytes(JSON.stringify(element));
}
