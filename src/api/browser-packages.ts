import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { Asset } from './asset.ts';
import { relativeImports } from './browser-modules.ts';

/** Packages that pages import by name. Those that they import need an entry of their own. */
export const PACKAGES: readonly string[] = [];

const ADDRESS = '/modules/npm/';
/** Of an `exports` entry, in the order in which this side looks for them. */
const CONDITIONS = ['browser', 'import', 'module', 'default'];

type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly exports?: unknown;
  readonly module?: string;
};

/**
 * The files of packages as browsers load them, under `/modules/npm/name@version/`: those that the package exports for browsers and
 * what these load from beside them. An import map tells the browser which name means which file.
 */
export class BrowserPackages {
  readonly #imports: { [specifier: string]: string } = {};
  /** Paths on disk by the path under `/modules/npm/`. */
  readonly #files = new Map<string, string>();
  readonly #known = new Map<string, Asset>();

  constructor(packages: readonly string[] = PACKAGES) {
    for (const name of packages) this.#add(name);
  }

  /** `name` is the path under `/modules/npm/`. */
  find(name: string): Asset | undefined {
    const path = this.#files.get(name);
    if (path === undefined) return undefined;
    const known = this.#known.get(name) ?? new Asset('text/javascript; charset=utf-8', readFileSync(path), FIXED);
    this.#known.set(name, known);
    return known;
  }

  /** The text of the import map; undefined where there is nothing to map. */
  get importMap(): string | undefined {
    return Object.keys(this.#imports).length === 0 ? undefined : JSON.stringify({ imports: this.#imports });
  }

  /** The import map stands in the page itself, so its policy has to name it. */
  get importMapHash(): string | undefined {
    const { importMap } = this;
    return importMap && `'sha256-${createHash('sha256').update(importMap).digest('base64')}'`;
  }

  #add(name: string): void {
    const manifestPath = findPackageJSON(name, import.meta.url);
    if (manifestPath === undefined) throw new Error(`the package ${name} is not installed`);
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest;
    const folder = `${name}@${manifest.version}/`;
    for (const [key, target] of exportsOf(manifest)) {
      this.#imports[posix.join(name, key)] = ADDRESS + folder + target;
      this.#addFiles(dirname(manifestPath), folder, target);
    }
  }

  #addFiles(root: string, folder: string, entry: string): void {
    const targets = new Set([entry]);
    for (const target of targets) {
      const path = join(root, target);
      if (target.startsWith('../') || !existsSync(path)) continue;
      this.#files.set(folder + target, path);
      const specifiers = relativeImports(readFileSync(path, 'utf8'));
      for (const one of specifiers) targets.add(posix.join(posix.dirname(target), one));
    }
  }
}

const FIXED = { fixed: true };

/** Each name that a package exports (`.`, `./more`) with its file. Patterns (`./*`) are left out: what is needed is named. */
function exportsOf({ exports, module }: Manifest): [key: string, target: string][] {
  const entries =
    exports === undefined
      ? [['.', module] as const]
      : isTree(exports) && Object.keys(exports).some((key) => key.startsWith('.'))
        ? Object.entries(exports)
        : [['.', exports] as const];
  return entries.flatMap(([key, tree]) => {
    const target = targetOf(tree);
    if (target === undefined || key.includes('*') || !/\.m?js$/.test(target)) return [];
    return [[key, posix.normalize(target)]];
  });
}

function targetOf(tree: unknown): string | undefined {
  if (typeof tree === 'string') return tree;
  if (!isTree(tree)) return undefined;
  for (const condition of CONDITIONS) {
    const target = targetOf(tree[condition]);
    if (target !== undefined) return target;
  }
  return undefined;
}

function isTree(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
