import { z } from 'zod';
import { MAX_PICTURES_PER_ANSWER } from './limits.ts';

/** `GET …/items/{item}/pictures`. */
export const storedPicturesSchema = z.strictObject({
  pictures: z.array(z.strictObject({ version: z.int().min(1), index: z.int().min(1) })).max(MAX_PICTURES_PER_ANSWER),
  /** There are no newer ones. */
  upToDate: z.boolean(),
});

export type StoredPicturesResponse = z.infer<typeof storedPicturesSchema>;
