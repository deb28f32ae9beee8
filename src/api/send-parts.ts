import type { ServerResponse } from 'node:http';
import type { Limits } from '../core/limits/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ProblemError } from '../protocol/errors.ts';
import { RESOURCE_PART_BYTES, RESOURCE_STALL_MS } from '../protocol/limits.ts';
import type { Range } from './byte-range.ts';

export type Parts = Range & {
  /** `undefined`: it has gone. */
  readonly read: (range: Range) => Promise<Buffer | undefined>;
  /** Sends the head; called once, when the first part is there. */
  readonly begin: () => void;
  readonly gone: () => ProblemError;
  /** Bytes that are held for the reader meanwhile, where it is more than one part. */
  readonly held?: number;
};

type Deps = {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'transfers'>;
  readonly meter: Metrics;
  readonly log: Log;
};

/**
 * Sends bytes `start..end`, which may be none, part by part: one part is held for a client, however large the whole is, and the next is read when the client has taken it. Rejects only
 * before the head is sent; what fails later cuts the connection, so that nobody takes a part for the whole.
 */
export async function sendParts(deps: Deps, res: ServerResponse, { start, end, read, begin, gone, ...rest }: Parts) {
  const held = rest.held ?? Math.min(end - start + 1, RESOURCE_PART_BYTES);
  deps.limits.transfers.enter(held);
  try {
    for (let at = start; at <= end && !res.destroyed; at += RESOURCE_PART_BYTES) {
      const wanted = { start: at, end: Math.min(at + RESOURCE_PART_BYTES - 1, end) };
      const part = await read(wanted);
      if (part?.length !== wanted.end - wanted.start + 1) throw gone();
      if (!res.headersSent) begin();
      if (!res.write(part)) await drained(deps, res);
    }
    if (!res.headersSent) begin();
    res.end();
  } catch (error) {
    if (!res.headersSent) throw error;
    deps.log.warn({ error: String(error) }, 'a resource could not be sent to its end');
    res.destroy();
  } finally {
    deps.limits.transfers.leave(held);
  }
}

/** Settles when the client has taken what was written, or is gone; cuts one that takes nothing. */
function drained({ clock, meter }: Deps, res: ServerResponse): Promise<void> {
  if (res.destroyed) return Promise.resolve();
  return new Promise((settle) => {
    const over = (): void => {
      cancel();
      res.off('drain', over);
      res.off('close', over);
      settle();
    };
    const cancel = clock.after(RESOURCE_STALL_MS, () => {
      meter.count('resources_cut');
      res.destroy();
    });
    res.on('drain', over);
    res.on('close', over);
  });
}
