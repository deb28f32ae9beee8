import { type ChangeSet, Text } from '@codemirror/state';
import { type Size, sizeOf } from './size.ts';

/** A text, as a tree: an edit costs its depth, whatever the length. */
export type TextState = Size & {
  readonly doc: Text;
  /** Edits are in each other's way by whole lines. */
  readonly line: boolean;
};

export function open(content: string, line: boolean): TextState {
  return { doc: Text.of(content.split('\n')), line, ...sizeOf(content) };
}

export function changed(state: TextState, change: ChangeSet): TextState {
  let { bytes, json } = state;
  change.iterChanges((from, to, _fromB, _toB, inserted) => {
    const came = sizeOf(inserted.toString());
    const went = to > from ? sizeOf(state.doc.sliceString(from, to)) : NOTHING;
    bytes += came.bytes - went.bytes;
    json += came.json - went.json;
  });
  return { ...state, doc: change.apply(state.doc), bytes, json };
}

const NOTHING: Size = { bytes: 0, json: 0 };
