/** What is looked at as an image; its bytes begin as one of these does. */
export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif';

export type ImageSize = { readonly width: number; readonly height: number };

/** Images as others make them: never to be trusted. Off the main thread. */
export interface Images {
  /** Reads no more than the head of the image; `undefined` where it is none of this type, whatever its first bytes say. */
  measure(bytes: Buffer, type: ImageType): Promise<ImageSize | undefined>;
}
