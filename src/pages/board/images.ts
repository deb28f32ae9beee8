import { isObject } from '../../base/json.ts';
import type { Session } from '../shared/session.ts';

/** Large enough for a card on a dense screen. */
const MAX_SIDE = 832;
/** Decoded images that are kept for cards that come later. */
const MAX_KNOWN = 200;

export type Uploaded = { readonly hash: string } | { readonly refused: string };

/** Images of cards: resources of the space, named by their hash. They are drawn on canvases, as a page cannot send its token with the address of an image. */
export class Images {
  readonly #url: string;
  readonly #session: Pick<Session, 'headers'>;
  readonly #known = new Map<string, Promise<ImageBitmap>>();

  constructor(space: string, session: Pick<Session, 'headers'>) {
    this.#url = `/v1/spaces/${encodeURIComponent(space)}/resources`;
    this.#session = session;
  }

  async upload(file: Blob): Promise<Uploaded> {
    try {
      const answer = await fetch(this.#url, { method: 'PUT', headers: this.#session.headers, body: file });
      const said: unknown = await answer.json();
      const { hash, type, detail } = isObject(said) ? said : {};
      if (!answer.ok) return { refused: typeof detail === 'string' ? detail : `the server answers ${answer.status}` };
      if (typeof type !== 'string' || !type.startsWith('image/'))
        return { refused: 'it is no PNG, JPEG, WebP or GIF image' };
      return { hash: String(hash) };
    } catch {
      return { refused: 'the server cannot be reached' };
    }
  }

  /** Draws it when it has come; what cannot be had or read is left out. */
  async paint(hash: string, canvas: HTMLCanvasElement): Promise<void> {
    let image = this.#known.get(hash);
    if (!image) {
      image = this.#load(hash);
      this.#known.set(hash, image);
      for (const oldest of [...this.#known.keys()].slice(0, -MAX_KNOWN)) this.#known.delete(oldest);
    }
    try {
      const bitmap = await image;
      if (canvas.dataset.image !== hash) return; // it shows another one by now
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      canvas.dataset.shown = hash;
    } catch {
      this.#known.delete(hash);
    }
  }

  async #load(hash: string): Promise<ImageBitmap> {
    const answer = await fetch(`${this.#url}/${hash}`, { headers: this.#session.headers });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const whole = await createImageBitmap(await answer.blob());
    const scale = Math.min(1, MAX_SIDE / Math.max(whole.width, whole.height));
    const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
    if (scale === 1 || width === undefined || height === undefined) return whole;
    const small = await createImageBitmap(whole, { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' });
    whole.close();
    return small;
  }
}
