import { LRUCache } from 'lru-cache';
import { seenKey } from '../model/keys.ts';
import type { Deps } from './context.ts';
import type { Answer } from './engine-types.ts';
import type { Marker, Markers } from './marker.ts';
import type { Frame, Given } from './question.ts';
import { encodeAnswer, type Renderer } from './render.ts';
import type { Chosen } from './select-items.ts';
import type { SpaceState } from './space-state.ts';

/** An answer that was given lately: what it said, and the marker that it gave. */
type Kept = Given & { readonly frame: string; readonly items: readonly string[]; readonly at: number };

/** How long an answer is given again. The older its marker, the more has to be looked at for the poll that comes with it. */
const KEEP_MS = 10_000;
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
/** The body, the items' texts, and what is made of the body on its way out. */
const COPIES = 3;

/**
 * Answers as bytes. A large one is kept for a while: where a later look finds the very same to say to the same question, it is given again, so that
 * it is sealed, serialised and compressed once for all who come within that time.
 *
 * Its marker is of an earlier look, then. To whoever gets it this is as if the answer had been on its way for so long: the marker's time was published
 * before anything was read for it, and what it says was compared with what the newer look found.
 */
export class Answers {
  readonly #deps: Deps;
  readonly #renderer: Renderer;
  readonly #markers: Markers;
  readonly #kept = new LRUCache<string, Kept>({
    maxSize: MAX_KEPT_BYTES,
    maxEntrySize: MAX_ENTRY_BYTES,
    sizeCalculation: ({ answer }, key) => COPIES * answer.body.length + key.length,
  });

  constructor(deps: Deps, renderer: Renderer, markers: Markers) {
    this.#deps = deps;
    this.#renderer = renderer;
    this.#markers = markers;
  }

  /** `question`: its key; equal questions have equal keys. */
  async make(
    space: SpaceState,
    question: string,
    frame: Frame,
    chosen: readonly Chosen[],
    marker: Marker,
  ): Promise<Given> {
    const items = await this.#renderer.items(space, chosen);
    const text = JSON.stringify(frame);
    if (lengthOf(items) < this.#deps.config.keepAnswersFrom)
      return { answer: await this.#encode(space, frame, text, items, marker), marker };
    const key = `${space.id}|${question}`;
    const kept = this.#kept.get(key);
    const at = this.#deps.clock.monotonic();
    if (kept && at - kept.at < KEEP_MS && kept.frame === text && isSame(kept.items, items)) {
      this.#deps.metrics.count('answers_given_again');
      return kept;
    }
    const answer = await this.#encode(space, frame, text, items, marker);
    const made: Kept = { answer, marker, frame: text, items, at };
    this.#kept.set(key, made);
    return made;
  }

  async #encode(
    space: SpaceState,
    frame: Frame,
    text: string,
    items: readonly string[],
    marker: Marker,
  ): Promise<Answer> {
    return encodeAnswer(frame, text, items, await this.#seal(space, marker));
  }

  /** A marker that would grow too long leaves what was seen in the cache; should that be lost, some items come twice. */
  async #seal(space: SpaceState, marker: Marker): Promise<string> {
    const sealed = this.#markers.seal(space.id, marker);
    if (sealed.spill) await this.#deps.cache.set(seenKey(space.id, sealed.spill.name), sealed.spill.bytes, 3_600);
    return sealed.text;
  }
}

function lengthOf(texts: readonly string[]): number {
  let length = 0;
  for (const text of texts) length += text.length;
  return length;
}

/** Texts of a head are made once, so most are found to be equal without being read. */
function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
