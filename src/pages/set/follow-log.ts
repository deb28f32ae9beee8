import { pauseMs } from '../../client/backoff.ts';
import { RefusedError } from '../../client/errors.ts';
import { pause } from '../../client/timing.ts';
import type { Clock } from '../../ports/clock.ts';
import { type ItemSource, opPages } from '../shared/item-source.ts';
import type { OpLog } from './op-log.ts';

export type FollowLogOptions = {
  readonly source: ItemSource;
  readonly log: OpLog;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  /** Settles as soon as the item is there. */
  readonly exists: () => Promise<void>;
  readonly onChange: () => void;
  /** What is there keeps no such history: it is no set. */
  readonly onMisfit: () => void;
};

/** Brings the log up to date and keeps it so, until the source is ended. */
export async function followLog(options: FollowLogOptions): Promise<void> {
  const { source, log, clock, fraction, exists, onChange, onMisfit } = options;
  const { signal } = source;
  for (let failures = 0; !signal.aborted; ) {
    try {
      await exists();
      for await (const page of opPages(source, log.lines.length, log.lineage)) {
        log.take(page);
        failures = 0;
        onChange();
      }
    } catch (error) {
      if (signal.aborted) return;
      const { status = 0, retryAfterMs = undefined } = error instanceof RefusedError ? error : {};
      if (status === 409) return onMisfit();
      // Deleted; or what came cannot be understood, and is read anew.
      if (status === 404 || !(error instanceof RefusedError || error instanceof TypeError)) {
        log.clear();
        onChange();
      }
      await pause(clock, pauseMs(failures++, retryAfterMs, fraction()), signal).catch(() => undefined);
    }
  }
}
