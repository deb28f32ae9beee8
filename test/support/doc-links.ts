import { posix } from 'node:path';
import type { SourceFile } from './files.ts';
import { lineOf } from './mask.ts';

const LINK = /\]\(([^)\s]+)\)/g;
const HEADING = /^#+ +(.+)$/gm;
const FENCE = /^```[\s\S]*?^```/gm;

/** Links between pages, and from them to files, that lead nowhere. Addresses elsewhere are not asked. */
export function brokenLinks(pages: readonly SourceFile[], exists: (path: string) => boolean): string[] {
  const headings = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
  return pages.flatMap(({ path, text }) =>
    [...withoutSamples(text).matchAll(LINK)].flatMap((match) => {
      const link = match[1] ?? '';
      if (/^[a-z]+:/.test(link)) return [];
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : posix.join(posix.dirname(path), file);
      const isThere = exists(target) && (anchor === undefined || headings.get(target)?.has(anchor) !== false);
      return isThere ? [] : [`${path}:${lineOf(text, match.index)}: ${link}`];
    }),
  );
}

/** As code forges make them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const titles = [...withoutSamples(text).matchAll(HEADING)].map(([, title = '']) => title);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Every line stays where it is. */
function withoutSamples(text: string): string {
  return text.replace(FENCE, (sample) => sample.replace(/[^\n]/g, ' '));
}
