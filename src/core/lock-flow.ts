import { ProblemError } from '../protocol/errors.ts';
import type { ItemId } from '../protocol/ids.ts';
import type { LockRequest } from '../protocol/locks.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { Caller, LockAnswer } from './engine-types.ts';
import type { LockAsk } from './next-head.ts';
import type { ClientName, LockRelease } from './people-types.ts';
import type { PostParts } from './post-update.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf, troubleProblem } from './trouble.ts';
import type { Written } from './write-turn.ts';

/** Requests that are about a lock alone. They wait in the row of the updates of their item. */
export class LockFlow implements LockRelease {
  readonly #parts: Pick<PostParts, 'deps' | 'writer' | 'queue' | 'hint'>;

  constructor(parts: Pick<PostParts, 'deps' | 'writer' | 'queue' | 'hint'>) {
    this.#parts = parts;
  }

  /** Throws `ProblemError` where there is nothing that could be held, or the client may not. */
  async lock(space: SpaceState, item: ItemId, ask: LockRequest, caller: Caller, admin: boolean): Promise<LockAnswer> {
    const { clientId, ttlMs, steal = false } = ask;
    const name = { subject: caller.subject, client: clientId };
    const grab = { do: 'grab', steal, admin, ...(ttlMs === undefined ? {} : { ttlMs }) } as const;
    const written = await this.#write(space, item, name, grab);
    if (!written.done) return refused(written.result);
    const { fence, ttlMs: granted } = written.extra as { fence: number; ttlMs: number };
    return { result: 'granted', fence, ttlMs: granted };
  }

  /** A release: afterwards the client does not hold the item, and what stands is stored. */
  async unlock(space: SpaceState, item: string, client: string, caller: Caller, admin: boolean): Promise<void> {
    await this.#write(space, item, { subject: caller.subject, client }, { do: 'release', admin });
  }

  async release(space: SpaceState, name: ClientName, held: Readonly<Record<string, string>>): Promise<void> {
    const freed = Object.entries(held).map(([item, grant]) => this.#write(space, item, name, { do: 'free', grant }));
    const failed = (await Promise.allSettled(freed)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #write(space: SpaceState, item: string, { subject, client }: ClientName, lock: LockAsk): Promise<Written> {
    const { deps, writer, queue, hint } = this.#parts;
    try {
      const request = { item, subject, client, lock, now: deps.clock.now() };
      return await queue.run(space.id, item, () => writer.write(space, request));
    } catch (error) {
      const trouble = troubleOf(error);
      throw trouble ? troubleProblem(trouble, error) : error;
    } finally {
      hint(space); // also after a failure: something may have become visible
    }
  }
}

function refused(result: UpdateResult): LockAnswer {
  switch (result.result) {
    case 'locked':
      return { result: 'locked', holder: result.holder, ttlMs: result.ttlMs };
    case 'invalid':
      switch (result.code) {
        case 'notJoined':
        case 'tooManyLocks':
        case 'holdTooLong':
        case 'notLockable':
          throw new ProblemError(result.code, result.detail);
      }
  }
  throw new Error(`a lock is not refused with ${result.result}`);
}
