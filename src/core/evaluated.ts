import type { MustReset } from '../protocol/get-updates.ts';
import type { Answers } from './answers.ts';
import type { Marker } from './marker.ts';
import type { ClientChange } from './presence/tell-roster.ts';
import type { Evaluated, Frame, Given } from './question.ts';
import type { Selection } from './select-items.ts';
import type { SpaceState } from './space-state.ts';

/** What one look has to say to a question. */
export type Found = {
  readonly marker: Marker;
  readonly selection: Selection;
  readonly reset?: MustReset['reason'] | undefined;
  /** Beside a reset, which is always news. */
  readonly news: boolean;
  readonly clients: readonly ClientChange[];
};

/** The answer itself is made once, when somebody asks for it. */
export function evaluated(answers: Answers, space: SpaceState, found: Found): Evaluated {
  const { marker, selection, reset, news, clients } = found;
  let made: Promise<Given> | undefined;
  const answer = (key: string): Promise<Given> => {
    const frame: Frame = {
      epoch: marker.e,
      upToDate: selection.left === 0,
      changesRemaining: selection.left,
      ...(clients.length > 0 ? { clients: [...clients] } : {}),
      ...(Object.keys(selection.durable).length > 0 ? { durable: selection.durable } : {}),
      ...(reset ? { mustReset: { reason: reset } } : {}),
    };
    return answers.make(space, key, frame, selection.chosen, marker);
  };
  return {
    news: news || reset !== undefined,
    more: selection.left > 0,
    marker,
    answer: (key) => (made ??= answer(key)),
  };
}
