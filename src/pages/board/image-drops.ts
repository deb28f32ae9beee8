import { isWriting } from '../shared/dom.ts';
import type { Point } from '../shared/glide.ts';
import type { Notices } from '../shared/notices.ts';
import type { Images } from './images.ts';

export type ImageDropsOptions = {
  readonly window: HTMLElement;
  readonly images: Images;
  readonly notices: Notices;
  readonly toTable: (at: Point) => Point;
  readonly middle: () => Point;
  readonly onImage: (hash: string, at: Point) => void;
};

/** Images that are dropped on the table, or pasted, become cards. */
export class ImageDrops {
  readonly #options: ImageDropsOptions;

  constructor(options: ImageDropsOptions) {
    this.#options = options;
    const { window, toTable, middle } = options;
    window.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
    window.addEventListener('drop', (event) => {
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault(); // the browser would go to the file
      void this.#take(files, toTable({ x: event.clientX, y: event.clientY }));
    });
    document.addEventListener('paste', (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0 || isWriting(event.target)) return;
      event.preventDefault();
      void this.#take(files, middle());
    });
  }

  async #take(files: readonly File[], at: Point): Promise<void> {
    const { images, notices, onImage } = this.#options;
    for (const file of files) {
      const uploaded = await images.upload(file);
      if ('hash' in uploaded) onImage(uploaded.hash, at);
      else notices.show(`“${file.name}” was not taken: ${uploaded.refused}.`);
    }
  }
}
