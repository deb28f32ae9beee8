import type { LogRefusal } from './request.ts';
import type { LogState, Producer } from './state.ts';

export type Judged =
  | { readonly verdict: 'new' }
  /** It was sent before; the highest number of its producer. */
  | { readonly verdict: 'duplicate'; readonly seq: number }
  | { readonly verdict: 'refused'; readonly refusal: LogRefusal };

/** Each life (`epoch`) of a producer numbers its requests from 0 on without a gap; an older life may not write any more. */
export function judgeProducer({ producers = [], closedBy }: LogState, [id, epoch, seq]: Producer): Judged {
  if (closedBy?.[0] === id && closedBy[1] === epoch && closedBy[2] === seq) return { verdict: 'duplicate', seq };
  const [, lastEpoch = -1, lastSeq = -1] = producers.find(([known]) => known === id) ?? [];
  if (epoch < lastEpoch) return refused({ reason: 'staleEpoch', epoch: lastEpoch });
  if (epoch === lastEpoch && seq <= lastSeq) {
    // What closed the log is answered as itself alone; any other number of a closed log was not what closed it.
    return closedBy ? refused({ reason: 'closed' }) : { verdict: 'duplicate', seq: lastSeq };
  }
  if (closedBy) return refused({ reason: 'closed' });
  if (lastEpoch >= 0 && epoch > lastEpoch && seq !== 0) return refused({ reason: 'badEpoch' });
  const expected = epoch === lastEpoch ? lastSeq + 1 : 0;
  return seq === expected ? { verdict: 'new' } : refused({ reason: 'gap', expected, received: seq });
}

function refused(refusal: LogRefusal): Judged {
  return { verdict: 'refused', refusal };
}
