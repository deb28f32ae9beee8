import { ProblemError } from '../protocol/errors.ts';
import type { Marker, Markers } from './marker.ts';
import type { Question } from './question.ts';

/** What the text of a marker asks for. Throws `ProblemError` `badMarker` and `filterChanged`; what cannot be read any more begins anew. */
export function openMarker(
  markers: Markers,
  space: string,
  text: string | undefined,
  filter: string,
): Pick<Question, 'marker' | 'reset' | 'spill'> {
  if (text === undefined) return { marker: undefined, reset: undefined, spill: undefined };
  if (text === 'now') return { marker: 'now', reset: undefined, spill: undefined };
  const opened = markers.open(space, text);
  switch (opened.status) {
    case 'bad':
      throw new ProblemError('badMarker', 'pass a marker exactly as an answer of this space gave it, or none');
    case 'unknownKey':
      return { marker: undefined, reset: 'epoch', spill: undefined };
    case 'otherFormat':
      return { marker: undefined, reset: 'schema', spill: undefined };
    case 'ok':
      return { marker: sameFilter(opened.marker, filter), reset: undefined, spill: undefined };
    case 'seenElsewhere':
      return { marker: sameFilter(opened.marker, filter), reset: undefined, spill: opened.name };
  }
}

function sameFilter(marker: Marker, filter: string): Marker {
  if (marker.filter === filter) return marker;
  throw new ProblemError(
    'filterChanged',
    'a marker goes on with the kinds and ids it was made with; begin without a marker',
  );
}
