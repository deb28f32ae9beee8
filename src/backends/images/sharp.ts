import type sharp from 'sharp';
import type { Images, ImageType } from '../../ports/images.ts';
import type { DecodedImage } from '../../ports/painters.ts';
import { MAX_IMAGE_PIXELS } from '../../protocol/limits.ts';

/** Each loader by itself, and no other: what is in the library besides is never reached from outside. */
const LOADERS = ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'];
const FORMATS: { readonly [type in ImageType]: string } = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/webp': 'webp',
  'image/gif': 'gif',
};

let library: Promise<typeof sharp> | undefined;

/** 27 MB of memory: only where there is an image. Its settings are of the whole process. */
function loadSharp(): Promise<typeof sharp> {
  library ??= import('sharp').then(({ default: loaded }) => {
    loaded.block({ operation: ['VipsForeignLoad'] });
    loaded.unblock({ operation: LOADERS });
    loaded.cache(false);
    loaded.concurrency(1);
    return loaded;
  });
  return library;
}

/** Images by sharp, on the threads of libuv. */
export function createImages(): Images {
  return {
    async measure(bytes, type) {
      const open = await loadSharp();
      try {
        const { format, width, height } = await open(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).metadata();
        return format === FORMATS[type] ? { width, height } : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** The pixels, of an animation those of the first image, as eight bits of each channel. `undefined` where it is none of this type, is damaged, or has too many pixels. */
export async function decodeImage(bytes: Uint8Array, type: ImageType): Promise<DecodedImage | undefined> {
  const open = await loadSharp();
  try {
    const image = open(bytes, { limitInputPixels: MAX_IMAGE_PIXELS, failOn: 'truncated' });
    if ((await image.metadata()).format !== FORMATS[type]) return undefined;
    const { data, info } = await image
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, rgba: data };
  } catch {
    return undefined;
  }
}
