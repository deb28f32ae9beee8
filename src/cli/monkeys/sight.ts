import { hash } from 'node:crypto';
import type { Json } from '../../base/json.ts';
import { equal } from '../../client/equal.ts';
import type { HttpClient } from '../../client/http-client.ts';
import type { Post, Run } from './monkey.ts';
import type { Deed, Tag } from './work.ts';

/** An item in the end, as a server tells it. `deeds`: of kinds that keep their operations, all of them. */
export type Final = { readonly version: number; readonly value: Json; readonly deeds: readonly Deed[] | undefined };

export type Seat = Pick<Post, 'nth' | 'item' | 'network' | 'client'>;

/** Somebody who looks at one item. */
export interface Viewer {
  readonly name: string;
  readonly item: string;
  /** What should never have come, or why it has ended. */
  readonly faults: readonly string[];
  /** Something has come. */
  readonly hasBegun: boolean;
  /** Looks on until `signal` aborts; never rejects. */
  look(signal: AbortSignal): Promise<void>;
  hasReached(final: Final): boolean;
  /** It has been told more than that: the end was read too soon. */
  isAhead(final: Final): boolean;
  /** How what it has is different; `undefined` where it is the same. */
  differs(final: Final): string | undefined;
}

/** Sees each tag once. */
export class Eyes {
  readonly #run: Run;
  readonly #client: HttpClient;
  readonly #item: string;
  readonly #faults: string[];
  readonly #seen = new Set<Tag>();

  constructor(run: Run, { client, item }: Seat, faults: string[]) {
    this.#run = run;
    this.#client = client;
    this.#item = item;
    this.#faults = faults;
  }

  see(tags: Iterable<Tag>): void {
    const now = this.#client.clock.monotonic();
    for (const tag of tags) {
      if (this.#seen.has(tag)) continue;
      this.#seen.add(tag);
      if (!this.#run.ledger.seen(this.#item, tag, now)) this.#faults.push(`tag ${tag} came, which nobody posted`);
    }
  }

  seeDeeds(deeds: readonly Deed[]): void {
    this.see(deeds.filter((deed) => deed.startsWith('+')).map(Number));
  }

  seeValue(value: Json): void {
    this.see(this.#run.work.tagsIn(value) ?? []);
  }
}

const MAX_CONTENTS = 1_000;

/** What each version was, as all who look at it have seen it: one version has one content. */
export class Contents {
  readonly #known = new Map<string, string>();

  /** Whether it is what others have seen. */
  agrees(item: string, version: number, value: Json): boolean {
    const key = `${item} ${version}`;
    const content = hash('sha1', JSON.stringify(value));
    const known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, content);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_CONTENTS && oldest !== undefined) this.#known.delete(oldest);
    return known === undefined || known === content;
  }
}

export function differenceOf(mine: Json | undefined, version: number, final: Final): string | undefined {
  if (equal(mine, final.value)) return undefined;
  const where = version < final.version ? `it has version ${version} of ${final.version}` : `at version ${version}`;
  return `${where}, ${shorten(mine)}, and the server ${shorten(final.value)}`;
}

function shorten(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}
