import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { Asset } from './asset.ts';
import { relativeImports } from './browser-modules.ts';

/** Packages that pages import by name, and those that these import. */
export const PACKAGES: readonly string[] = [
  '@codemirror/commands',
  '@codemirror/language',
  '@codemirror/state',
  '@codemirror/streamparser',
  '@codemirror/view',
  '@lezer/common',
  '@lezer/highlight',
  '@marijn/find-cluster-break',
  'crelt',
  'fast-diff',
  'style-mod',
  'w3c-keyname',
];

const ADDRESS = '/modules/npm/';
/** Of an `exports` entry, in the order in which this side looks for them. */
const CONDITIONS = ['browser', 'import', 'module', 'default'];

type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly exports?: unknown;
  readonly module?: string;
  readonly main?: string;
  readonly type?: string;
};

/**
 * The files of packages as browsers load them, under `/modules/npm/name@version/`: those that the package exports for browsers and
 * what these load from beside them. An import map tells the browser which name means which file.
 */
export class BrowserPackages {
  readonly #imports: { [specifier: string]: string } = {};
  /** Paths on disk by the path under `/modules/npm/`. */
  readonly #files = new Map<string, string>();
  /** Those of `#files` that are CommonJS. */
  readonly #old = new Set<string>();
  readonly #known = new Map<string, Asset>();

  constructor(packages: readonly string[] = PACKAGES) {
    for (const name of packages) this.#add(name);
  }

  /** `name` is the path under `/modules/npm/`. */
  find(name: string): Asset | undefined {
    const path = this.#files.get(name);
    if (path === undefined) return undefined;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const source = readFileSync(path, 'utf8');
    const asset = new Asset('text/javascript; charset=utf-8', this.#old.has(name) ? asModule(source) : source, FIXED);
    this.#known.set(name, asset);
    return asset;
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
      if (isCommonJs(manifest)) this.#old.add(folder + target);
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
function exportsOf({ exports, module, main }: Manifest): [key: string, target: string][] {
  const entries =
    exports === undefined
      ? [['.', module ?? main] as const]
      : isTree(exports) && Object.keys(exports).some((key) => key.startsWith('.'))
        ? Object.entries(exports)
        : [['.', exports] as const];
  return entries.flatMap(([key, tree]) => {
    const target = targetOf(tree);
    if (target === undefined || key.includes('*') || !/\.m?js$/.test(target)) return [];
    return [[key, posix.normalize(target)]];
  });
}

/** Browsers know no CommonJS; a package that has nothing else is served as a module around its one file. */
function isCommonJs({ exports, module, type }: Manifest): boolean {
  return exports === undefined && module === undefined && type !== 'module';
}

function asModule(source: string): string {
  if (/\brequire\s*\(/.test(source)) throw new Error('a CommonJS file that needs others cannot be served as a module');
  return `const module = { exports: {} };\n${source}\nexport default module.exports;\n`;
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
