import type { ChangeSet } from '@codemirror/state';

const MAX_STEPS = 200;

/** How the text of the server became what it is, step by step, as far back as somebody may still speak of. */
export class Trail {
  #steps: { readonly version: number; readonly change: ChangeSet }[] = [];

  add(version: number, change: ChangeSet): void {
    this.#steps.push({ version, change });
    if (this.#steps.length > 2 * MAX_STEPS) this.#steps = this.#steps.slice(-MAX_STEPS);
  }

  /** Where a place of an older text is now; about there, where the steps are not known any more. */
  follow(at: number, version: number): number {
    let now = at;
    for (const step of this.#steps) {
      if (step.version > version) now = step.change.mapPos(Math.min(now, step.change.length), 1);
    }
    return now;
  }
}
