import type { ChangeSet, Text } from '@codemirror/state';
import { isObject, type Json } from '../../base/json.ts';
import { MAX_TEXT_BYTES, MAX_TEXT_JSON_BYTES } from '../../protocol/limits.ts';
import type { Applied, ApplyContext, Kind } from '../kind.ts';
import { bringBack } from './bring-back.ts';
import { changeOf, type Edit, flawOf, growthOf, readEdits, splitsPair, toChange, toEdits } from './edits.ts';
import { places } from './places.ts';
import { changesSince, rebase } from './rebase.ts';
import { changed, open, type TextState } from './state.ts';
import { undo, unfold } from './whole.ts';

const FORM =
  'a text takes {"base": version, "edits": [[position, deleted, "inserted"], …]}, {"base", "text"}, {"create": {…}} or {"delete": true}';
/** Deleted text of at most this length is kept with its delta, so that an older text can be told. UTF-16 units. */
const MAX_UNDO_CHARS = 1_024;

/**
 * A text that several people write at once. Edits of different places are merged; one that touches what its sender had not seen is refused, and the sender is told what
 * came before it. Positions are UTF-16 code units.
 */
export const text: Kind<TextState> = {
  name: 'text',
  keepDeltaBytes: 128 * 1024,
  inlineBytes: 2 * 1024,
  tailBytes: (valueBytes) => Math.min(Math.max(valueBytes / 16, 4 * 1024), 16 * 1024),
  apartBytes: 16 * 1024,
  lastWins: false,
  empty: () => open('', false),
  baseOf(op) {
    const base = isObject(op) && Object.hasOwn(op, 'base') ? op.base : undefined;
    return Number.isSafeInteger(base) && (base as number) >= 0 ? (base as number) : undefined;
  },
  apply(state, op, context) {
    if (!isObject(op)) return bad(FORM);
    const keys = Object.keys(op).sort().join();
    if (keys === 'create') return create(op.create, context);
    const base = text.baseOf?.(op);
    if (keys === 'base,edits' && base !== undefined) return edit(state, base, op.edits, context);
    // Where its base is known, a whole text was made into edits before it came here.
    if (keys !== 'base,text' || base === undefined) return bad(FORM);
    const flaw = flawOf(op.text);
    if (flaw) return bad(flaw);
    return base > context.version && context.version > 0 ? tooNew(base) : { result: 'resync' };
  },
  replay(state, delta) {
    if (Object.hasOwn(delta as object, 'create')) return created((delta as { create: Json }).create);
    return changed(state, changeOf(delta, state.doc.length));
  },
  undo,
  unfold,
  bringBack,
  places,
  encode: ({ doc, line }) => (line ? { line: doc.toString() } : doc.toString()),
  decode: (encoded) =>
    typeof encoded === 'string' ? open(encoded, false) : open((encoded as { line: string }).line, true),
  value: ({ doc }) => doc.toString(),
};

function bad(detail: string): Applied<TextState> {
  return { result: 'invalid', code: 'badOp', detail };
}

function tooNew(base: number): Applied<TextState> {
  return bad(`base ${base} is a version that the item does not have yet`);
}

function create(what: unknown, { version }: ApplyContext): Applied<TextState> {
  if (!isObject(what)) return bad(FORM);
  const { granularity = 'touch', text: content = '', ...others } = what;
  if (Object.keys(others).length > 0) return bad('create takes granularity and text');
  if (granularity !== 'touch' && granularity !== 'line') return bad('granularity is "touch" or "line"');
  const flaw = flawOf(content);
  if (flaw) return bad(flaw);
  if (version > 0) return { result: 'conflict' };
  const delta = { create: { granularity, text: content as string } };
  return accept(created(delta.create), { delta });
}

function created(what: Json): TextState {
  const { granularity, text: content } = what as { readonly granularity: string; readonly text: string };
  return open(content, granularity === 'line');
}

function edit(state: TextState, base: number, raw: unknown, context: ApplyContext): Applied<TextState> {
  const { version, client, since = [] } = context;
  if (base > version && version > 0) return tooNew(base);
  if (since === 'lost' || base > version) return { result: 'resync' };
  if (client !== undefined && since.some(({ c }) => c === client))
    return bad('base lies before an edit of this very client: it must await each answer before it sends the next');
  let length = state.doc.length;
  for (const { op } of since) length -= growthOf(op);
  const edits = readEdits(raw, length);
  if ('flaw' in edits) return bad(edits.flaw);
  const change = toChange(edits, length);
  if (change.empty) return { result: 'unchanged' };
  if (since.length === 0) return applied(state, change, edits);
  const rebased = rebase(change, since, changesSince(since, state.doc.length), state.line ? state.doc : undefined);
  if ('touching' in rebased) return { result: 'conflict', extra: { with: rebased.touching as unknown as Json } };
  return applied(state, rebased.change);
}

function applied(state: TextState, change: ChangeSet, sent?: readonly Edit[]): Applied<TextState> {
  if (splitsPair(change, state.doc)) return bad('an edit may not begin or end inside a surrogate pair');
  const edits = sent?.length === 1 ? sent : toEdits(change);
  return accept(changed(state, change), { delta: { edits: edits as unknown as Json }, ...undoOf(state.doc, edits) });
}

function accept(state: TextState, { delta, undo }: { readonly delta: Json; readonly undo?: Json }): Applied<TextState> {
  if (state.bytes > MAX_TEXT_BYTES) return { result: 'tooLarge', limit: MAX_TEXT_BYTES };
  if (state.json > MAX_TEXT_JSON_BYTES) return { result: 'tooLarge', limit: MAX_TEXT_JSON_BYTES };
  // At most, as a string of JSON: units are never more than bytes.
  const chars = state.json + 12;
  return { result: 'ok', state, delta, count: 0, chars, ...(undo === undefined ? {} : { undo }) };
}

/** What the edits delete, one text each. */
function undoOf(doc: Text, edits: readonly Edit[]): { readonly undo?: Json } {
  let chars = 0;
  for (const [, del] of edits) chars += del;
  if (chars === 0 || chars > MAX_UNDO_CHARS) return {};
  return { undo: edits.map(([pos, del]) => doc.sliceString(pos, pos + del)) };
}
