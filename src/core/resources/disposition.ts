import type { Resource } from '../../protocol/resources.ts';

/** `Content-Disposition`: images may be shown, everything else is only ever saved. */
export function dispositionOf({ type, hash }: Resource): string {
  return type.startsWith('image/') ? 'inline' : `attachment; filename="${hash.slice(0, 12)}.bin"`;
}
