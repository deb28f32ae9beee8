import type { Status } from '../../client/connect.ts';
import type { Shown } from '../shared/saved.ts';

/** How much of the text is where. */
export type Stand = { readonly isSynced: boolean; readonly version: number; readonly durableVersion: number };

/** Since when the oldest change that is not in the server's store has been waiting for it, whoever made it. */
export class Unsaved {
  #versions: { readonly version: number; readonly since: number }[] = [];
  #written: number | undefined;

  /** Times in ms, never going back. */
  note({ isSynced, version, durableVersion }: Stand, now: number): void {
    const last = this.#versions.at(-1)?.version ?? 0;
    if (version < last) this.#versions = []; // its versions have begun anew
    if (version > Math.max(last, durableVersion)) {
      const since = isSynced ? (this.#written ?? now) : now;
      this.#versions.push({ version, since: Math.max(since, this.#versions.at(-1)?.since ?? 0) });
    }
    this.#written = isSynced ? undefined : (this.#written ?? now);
    this.#versions = this.#versions.filter((one) => one.version > durableVersion);
  }

  /** `undefined`: everything is stored. */
  ms(now: number): number | undefined {
    const since = Math.min(
      this.#versions[0]?.since ?? Number.POSITIVE_INFINITY,
      this.#written ?? Number.POSITIVE_INFINITY,
    );
    return since === Number.POSITIVE_INFINITY ? undefined : Math.max(0, now - since);
  }
}

/** While people write, the server stores every few seconds; what takes longer is worth a word. */
const USUAL_MS = 10_000;

/** What the page says of the connection and of what was written. `ms`: for how long something has not been stored. */
export function describeText(status: Status, closed: boolean, ms: number | undefined): Shown {
  const seconds = Math.floor((ms ?? 0) / 1_000);
  const late = ms === undefined ? '' : `not saved for ${seconds} s`;
  const keeps = 'What you write is kept in this window and sent as soon as it can be done, also after a reload.';
  if (closed) {
    const text = late === '' ? 'Not open' : `Not open · ${late}`;
    return { tone: 'bad', text, detail: 'The server has refused. Reload the page to try again.' };
  }
  if (status === 'offline') {
    const text = late === '' ? 'Offline' : `Offline · ${late}`;
    return { tone: 'bad', text, detail: `The server cannot be reached. ${keeps}` };
  }
  if (status === 'catching-up') return { tone: 'busy', text: 'Catching up', detail: 'Reading what is there.' };
  if (ms === undefined) return { tone: 'good', text: 'Saved', detail: 'Everything is in the store of the server.' };
  if (status === 'live' && ms < USUAL_MS) {
    return { tone: 'busy', text: 'Saving…', detail: 'It will be in the store of the server within seconds.' };
  }
  return { tone: 'bad', text: `Not saved for ${seconds} s`, detail: `It is not in the store of the server. ${keeps}` };
}
