import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.ts';

/** A fenced block of a Markdown file, and the plain block right after it: what it prints. */
export type Snippet = { readonly language: string; readonly text: string; readonly prints: string | undefined };

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** The snippets of a page of `docs`, in their order. */
export function readSnippets(name: string): Snippet[] {
  const blocks = [...readFileSync(join(ROOT, 'docs', name), 'utf8').matchAll(FENCE)];
  return blocks.flatMap(([, language = '', text = ''], i) => {
    if (language === '') return [];
    const next = blocks[i + 1];
    return [{ language, text, prints: next?.[1] === '' ? next[2] : undefined }];
  });
}

/** `…` stands for any text of a line, or, alone on a line, for any lines. */
export function toPattern(prints: string): RegExp {
  const lines = prints
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line === '…') return '(?:.*\\n)*?';
      const text = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return `${text.join('.*')}(?:\\n|$)`;
    });
  return new RegExp(`^${lines.join('')}`);
}
