import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** The folder that holds package.json. */
export const ROOT = join(import.meta.dirname, '..', '..');

/** `path` is relative to the root, with `/`. */
export type SourceFile = { readonly path: string; readonly text: string };

/** Every file under `folder` whose name ends in `ending`, by path. */
export function listFiles(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

export function readSources(folder: string): SourceFile[] {
  return listFiles(folder, '.ts').map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}
