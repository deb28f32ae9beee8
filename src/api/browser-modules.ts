import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, posix } from 'node:path';
import { Asset } from './asset.ts';

/** Folders of `src`, or of `dist`, that run in browsers too, and single files that they need at run time. Nothing else can be fetched. */
export const BROWSER_FOLDERS: readonly string[] = ['pages', 'client', 'kinds', 'raster', 'base'];
export const BROWSER_FILES: readonly string[] = ['protocol/limits.js', 'protocol/register-limits.js'];

const NAME = /^[a-z0-9-]+(\/[a-z0-9-]+)*\.js$/;
const ADDRESS = '/modules/';
/** What ends in `.ts` in an import ends in `.js` in a browser, as in what the compiler emits. */
const TS_IMPORT = /(\b(?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]+)\.ts\2/g;
const STATIC_IMPORT = /\b(?:from|import)\s*(['"])(\.{1,2}\/[^'"\n]+)\1/g;

/** The specifiers of the files that this module loads at once from beside it. */
export function relativeImports(source: string): string[] {
  return [...source.matchAll(STATIC_IMPORT)].map(([, , specifier = '']) => specifier);
}

/**
 * This project's own modules as browsers load them, under `/modules/`: the compiler's output where the server was built, else
 * the source with its types taken out at the first request. The code in the browser is then the code in the repository, line for line.
 */
export class BrowserModules {
  readonly #root: string;
  readonly #built: boolean;
  readonly #known = new Map<string, Asset>();

  /** `root`: `src`, or the output of the build. */
  constructor(root: string) {
    this.#root = root;
    this.#built = existsSync(join(root, 'client/connect.js'));
  }

  /** `name` is the path under `/modules/`. */
  find(name: string): Asset | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const source = this.#read(name);
    if (source === undefined) return undefined;
    const asset = new Asset('text/javascript; charset=utf-8', source);
    this.#known.set(name, asset);
    return asset;
  }

  /** The addresses of a module and of everything that it loads at once, so that a page can ask for all of them together. */
  closure(entry: string): readonly string[] {
    const names = new Set([entry]);
    for (const name of names) {
      const asset = this.find(name);
      if (asset === undefined) throw new Error(`browsers cannot load ${name}`);
      for (const specifier of relativeImports(asset.body.toString())) {
        names.add(posix.join(posix.dirname(name), specifier));
      }
    }
    return [...names].map((name) => ADDRESS + name);
  }

  #read(name: string): string | undefined {
    if (!NAME.test(name) || !isForBrowsers(name)) return undefined;
    const path = join(this.#root, this.#built ? name : name.replace(/\.js$/, '.ts'));
    if (!existsSync(path)) return undefined;
    const source = readFileSync(path, 'utf8');
    return this.#built ? source : stripTypeScriptTypes(source).replace(TS_IMPORT, '$1$2$3.js$2');
  }
}

function isForBrowsers(name: string): boolean {
  return BROWSER_FILES.includes(name) || BROWSER_FOLDERS.some((folder) => name.startsWith(`${folder}/`));
}
