/**
 * Blob names as paths below the folder. Every name has a path of its own, also where `a` and `a/b` both exist, where a
 * segment is longer than a file name may be, and where the file system does not tell `A` from `a`:
 *
 *   capitals           `A`      ->  `=a`
 *   a long segment     `xx…x`   ->  folders of 120 characters ending in `+`, then the rest
 *   a blob             `a/b`    ->  file   `a/b@`
 *   a folder           `a/`     ->  folder `a`
 *
 * None of `=`, `+` and `@` occurs in a name.
 */
const MAX_PIECE = 120;

export function toPath(name: string): string {
  const pieces = name
    .split('/')
    .flatMap((segment) => splitLong(segment.replace(/[A-Z]/g, (c) => `=${c.toLowerCase()}`)));
  return `${pieces.join('/')}@`;
}

/** The name whose blob is at `path`, or `undefined` for a file that is no blob. */
export function toName(path: string): string | undefined {
  if (!path.endsWith('@')) return undefined;
  return path
    .slice(0, -1)
    .replaceAll('+/', '')
    .replace(/=([a-z])/g, (_, c: string) => c.toUpperCase());
}

function splitLong(segment: string): string[] {
  const pieces: string[] = [];
  let rest = segment;
  while (rest.length > MAX_PIECE) {
    pieces.push(`${rest.slice(0, MAX_PIECE)}+`);
    rest = rest.slice(MAX_PIECE);
  }
  return [...pieces, rest];
}
