import type { Clock } from '../../ports/clock.ts';
import { toBytes } from '../../raster/raster.ts';
import { find } from '../shared/dom.ts';
import { readPng } from './png.ts';

export type TimelineOptions = {
  readonly get: (path: string) => Promise<Response>;
  /** The user looks at an earlier version, or at the picture as it is. */
  readonly onPast: (isPast: boolean) => void;
  readonly onTrouble: () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** Pictures are stored every half minute at most, while they are drawn on. */
const LOOK_MS = 5_000;

type Page = { readonly pictures: readonly { readonly version: number }[]; readonly upToDate: boolean };

/** A slider over the versions that are stored; at its end is the picture as it is. */
export class Timeline {
  readonly #options: TimelineOptions;
  readonly #slider = find('timeline', HTMLInputElement);
  readonly #words = find('timeline-words', HTMLElement);
  readonly #past = find('past', HTMLCanvasElement);
  #versions: number[] = [];
  #asked = 0;

  constructor(options: TimelineOptions) {
    this.#options = options;
    this.#slider.addEventListener('input', () => {
      this.#show().catch(() => {
        this.#versions = []; // some of them may not be kept any more
        options.onTrouble();
      });
    });
    this.#set(0);
    void this.#keepUp();
  }

  async #keepUp(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      await this.#refresh().catch(() => undefined); // the next look tells
      await clock.sleep(LOOK_MS);
    }
  }

  /** Looks which versions are stored. */
  async #refresh(): Promise<void> {
    const known = this.#versions;
    const found: number[] = [];
    for (;;) {
      const after = found.at(-1) ?? known.at(-1) ?? 0;
      const page = (await (await this.#options.get(`/pictures?after=${after}`)).json()) as Page;
      found.push(...page.pictures.map(({ version }) => version));
      if (page.upToDate) break;
    }
    if (known !== this.#versions) return; // they are looked for from the first on
    // The user may have moved the slider meanwhile.
    const isNow = this.#isNow;
    known.push(...found);
    this.#set(isNow ? known.length : Number(this.#slider.value));
  }

  get #isNow(): boolean {
    return Number(this.#slider.value) >= Number(this.#slider.max);
  }

  #set(value: number): void {
    this.#slider.max = String(this.#versions.length);
    this.#slider.value = String(value);
    this.#slider.disabled = this.#versions.length === 0;
    const count = this.#versions.length;
    this.#words.textContent = value >= count ? 'Now' : `${value + 1} of ${count} stored`;
    this.#slider.setAttribute('aria-valuetext', this.#words.textContent);
  }

  async #show(): Promise<void> {
    const asked = ++this.#asked;
    const at = Number(this.#slider.value);
    this.#set(at);
    const version = this.#versions[at];
    if (version !== undefined) await this.#paint(version, () => asked === this.#asked);
    if (asked !== this.#asked) return;
    this.#past.hidden = version === undefined;
    this.#past.dataset.version = String(version ?? '');
    this.#options.onPast(version !== undefined);
  }

  async #paint(version: number, isWanted: () => boolean): Promise<void> {
    const answer = await this.#options.get(`/picture.png?at=${version}`);
    const raster = await readPng(new Uint8Array(await answer.arrayBuffer()));
    if (!isWanted()) return;
    const { width, height } = raster;
    Object.assign(this.#past, { width, height });
    const image = new ImageData(
      new Uint8ClampedArray(toBytes(new Uint32Array(raster.bytes().slice().buffer))),
      width,
      height,
    );
    this.#past.getContext('2d')?.putImageData(image, 0, 0);
  }
}
