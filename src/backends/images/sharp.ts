import sharp from 'sharp';
import type { Images, ImageType } from '../../ports/images.ts';
import { MAX_IMAGE_PIXELS } from '../../protocol/limits.ts';

/** Each loader by itself, and no other: what is in the library besides is never reached from outside. */
const LOADERS = ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'];
const FORMATS: { readonly [type in ImageType]: string } = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/webp': 'webp',
  'image/gif': 'gif',
};

/** Images by sharp, on the threads of libuv. Settings of the library are of the whole process. */
export function createImages(): Images {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
  sharp.concurrency(1);
  return {
    async measure(bytes, type) {
      try {
        const { format, width, height } = await sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS }).metadata();
        return format === FORMATS[type] ? { width, height } : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
