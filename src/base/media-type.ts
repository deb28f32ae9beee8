/** Without parameters, in lower case. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

export function isJsonType(contentType: string): boolean {
  return mediaType(contentType) === 'application/json';
}

/** Others are sent as base64 where text is needed. */
export function isTextType(contentType: string): boolean {
  return mediaType(contentType).startsWith('text/') || isJsonType(contentType);
}
