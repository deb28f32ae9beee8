import type { Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import { picture as pictureKind } from '../kinds/picture.ts';
import type { ClientKind } from './client-kind.ts';

/** Pictures as a space tells of them: size, and how many operations there are. The pixels are fetched, and drawn on by the operations after them. */
export const picture: ClientKind = {
  kind: pictureKind as Kind,
  open(value) {
    const { width, height, index } = value as { readonly [name: string]: Json };
    return { width, height, index };
  },
  fold: () => undefined,
  whole: () => undefined,
};
