import { posix } from 'node:path';
import type { SourceFile } from './files.ts';
import { lineOf, maskSource } from './mask.ts';

export const MAX_FILE_LINES = 300;
export const WARN_FILE_LINES = 250;

type Layer = {
  /** Folders and files under `src` it may import; a leading `type ` allows `import type` only. */
  readonly inside: readonly string[];
  /** Packages it may import. */
  readonly packages: readonly string[];
  /** `pure`: modules without I/O, time or timers. */
  readonly node: 'none' | 'pure' | 'any';
};

const STORAGE_LAYERS = ['ports', 'model', 'protocol', 'base'];
const ANY_PACKAGE = '*';

/** The import table. A path is governed by its longest entry. */
const LAYERS: Readonly<Record<string, Layer>> = {
  'src/base': { inside: [], packages: [], node: 'none' },
  'src/protocol': { inside: ['base'], packages: ['zod'], node: 'none' },
  // Runs in pages, too: the same pixels everywhere.
  'src/raster': { inside: ['base'], packages: [], node: 'none' },
  'src/kinds': { inside: ['protocol', 'raster', 'base'], packages: ['@codemirror/state', 'fast-diff'], node: 'none' },
  'src/ports': { inside: ['type protocol', 'type model', 'base'], packages: [], node: 'none' },
  'src/model': { inside: ['protocol', 'kinds', 'base'], packages: ['zod'], node: 'pure' },
  'src/core': {
    inside: ['protocol', 'kinds', 'raster', 'model', 'ports', 'base'],
    packages: ['zod', 'lru-cache'],
    node: 'pure',
  },
  'src/auth': { inside: ['protocol', 'type ports', 'base'], packages: ['jose', 'lru-cache'], node: 'pure' },
  'src/backends/cache': { inside: STORAGE_LAYERS, packages: ['memjs', 'lru-cache'], node: 'any' },
  'src/backends/grpc': { inside: ['type ports', 'base'], packages: [], node: 'none' },
  'src/backends/store': {
    inside: [...STORAGE_LAYERS, 'backends/grpc'],
    packages: ['@google-cloud/datastore', 'lru-cache'],
    node: 'any',
  },
  'src/backends/blobs': { inside: STORAGE_LAYERS, packages: ['@google-cloud/storage'], node: 'any' },
  'src/backends/images': { inside: [...STORAGE_LAYERS, 'raster'], packages: ['sharp'], node: 'any' },
  'src/backends/counts': { inside: STORAGE_LAYERS, packages: ['rate-limiter-flexible'], node: 'any' },
  'src/backends/bus': { inside: [...STORAGE_LAYERS, 'backends/grpc'], packages: ['@google-cloud/pubsub'], node: 'any' },
  'src/api': {
    // The failure class is the one value of the ports that the error mapping has to tell apart.
    inside: ['protocol', 'core', 'auth', 'type ports', 'ports/failure.ts', 'base'],
    packages: ['express', 'helmet', 'negotiator', 'zod', 'prom-client', 'ws'],
    node: 'any',
  },
  'src/server': {
    inside: ['api', 'auth', 'backends', 'base', 'core', 'kinds', 'model', 'ports', 'protocol'],
    packages: [ANY_PACKAGE],
    node: 'any',
  },
  'src/client': {
    // No schema may travel into a page: of the protocol, types alone.
    inside: ['type protocol', 'kinds', 'type ports/clock.ts', 'base'],
    packages: [],
    node: 'none',
  },
  'src/pages': {
    // Code of browsers. What it imports has to be among what api/browser-modules.ts serves.
    inside: ['client', 'kinds', 'raster', 'type protocol', 'type ports/clock.ts', 'base'],
    packages: [],
    node: 'none',
  },
  'src/pages/edit': {
    inside: ['client', 'kinds', 'pages/shared', 'type protocol', 'type ports/clock.ts', 'base'],
    packages: ['@codemirror/state', '@codemirror/view', '@codemirror/commands'],
    node: 'none',
  },
  // Apart from the rest of the client, which does without packages: only pages that edit texts load them.
  'src/client/text': {
    inside: ['client', 'type protocol', 'kinds', 'type ports/clock.ts', 'base'],
    packages: ['@codemirror/state'],
    node: 'none',
  },
  'src/cli': {
    inside: [
      'client',
      'auth',
      'cli/monkeys',
      'server/compose.ts',
      'server/config.ts',
      'server/archive.ts',
      'server/doctor',
      'base',
    ],
    packages: ['commander'],
    node: 'any',
  },
  // People who work on items: they know what those items should be like in the end.
  'src/cli/monkeys': {
    inside: [
      'cli',
      'client',
      'kinds',
      'raster',
      'backends/images/sharp.ts',
      'type protocol',
      'type ports/clock.ts',
      'base',
    ],
    packages: [],
    node: 'any',
  },
};

const PURE_NODE = ['assert', 'async_hooks', 'buffer', 'crypto', 'events', 'url', 'util', 'zlib'];

type Ban = { readonly what: string; readonly pattern: RegExp; readonly allowed: readonly string[] };

/** Time and chance come in as arguments; the environment is read where the program is put together. */
const CLOCKS = ['src/server/', 'src/cli/', 'src/client/system.ts'];
const BANS: readonly Ban[] = [
  { what: 'process.env', pattern: /\bprocess\s*\.\s*env\b/g, allowed: ['src/server/', 'src/cli/'] },
  { what: 'process.exit', pattern: /\bprocess\s*\.\s*exit\b/g, allowed: ['src/server/', 'src/cli/'] },
  { what: 'Date.now', pattern: /\bDate\s*\.\s*now\b/g, allowed: CLOCKS },
  { what: 'new Date() without a time', pattern: /\bnew\s+Date\s*(\(\s*\)|[^\s(<])/g, allowed: CLOCKS },
  { what: 'performance.now', pattern: /\bperformance\s*\.\s*now\b/g, allowed: CLOCKS },
  { what: 'setTimeout', pattern: /(?<!\.\s*)\bsetTimeout\b/g, allowed: CLOCKS },
  { what: 'setInterval', pattern: /(?<!\.\s*)\bsetInterval\b/g, allowed: CLOCKS },
  { what: 'Math.random', pattern: /\bMath\s*\.\s*random\b/g, allowed: CLOCKS },
  { what: 'createRequire', pattern: /\bcreateRequire\b/g, allowed: [] },
];
const TIMER_MODULES = ['node:timers', 'node:timers/promises', 'node:perf_hooks'];

export type Layering = { readonly problems: string[]; readonly warnings: string[] };

type Import = { readonly specifier: string; readonly typeOnly: boolean; readonly line: number };

/** Checks all files under `src` against the import table, the bans, the size bound, and for import circles. */
export function checkLayering(files: readonly SourceFile[], dependencies: readonly string[]): Layering {
  const problems: string[] = [];
  const warnings: string[] = [];
  const edges = new Map<string, string[]>();
  for (const file of files) {
    const mask = maskSource(file.text);
    const layer = layerOf(file.path);
    if (layer === undefined) problems.push(`${file.path}: no layer of the import table holds this file`);
    const imports = readImports(file.text, mask);
    for (const one of imports) {
      const refused = layer === undefined ? undefined : refuse(file.path, layer, one, dependencies);
      if (refused !== undefined) problems.push(`${file.path}:${one.line}: ${refused}`);
    }
    problems.push(...findBanned(file, mask));
    const lines = file.text.split('\n').length - 1;
    if (lines > MAX_FILE_LINES) problems.push(`${file.path}: ${lines} lines, at most ${MAX_FILE_LINES}`);
    else if (lines > WARN_FILE_LINES) warnings.push(`${file.path}: ${lines} lines, aim for ${WARN_FILE_LINES}`);
    edges.set(
      file.path,
      imports.filter((one) => one.specifier.startsWith('.')).map((one) => resolve(file.path, one.specifier)),
    );
  }
  problems.push(...findCircles(edges).map((circle) => `circular import: ${circle.join(' -> ')}`));
  return { problems, warnings };
}

function layerOf(path: string): Layer | undefined {
  const holders = Object.keys(LAYERS).filter((folder) => path.startsWith(`${folder}/`));
  const longest = holders.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : LAYERS[longest];
}

const FROM = /\b(import|export)\b(\s+type\b(?!\s+from\b))?[\w$*{},\s]*?\bfrom\s*(['"])( *)\3/g;
const BARE = /\bimport\s*(['"])( *)\1/g;
const DYNAMIC = /\bimport\s*\(\s*(?:(['"])( *)\1)?/g;

export function readImports(text: string, mask: string = maskSource(text)): Import[] {
  const found: Import[] = [];
  const add = (match: RegExpExecArray, quoted: string | undefined, typeOnly: boolean): void => {
    const end = match.index + match[0].length - 1;
    const specifier = quoted === undefined ? '?' : text.slice(end - quoted.length, end);
    found.push({ specifier, typeOnly, line: lineOf(text, match.index) });
  };
  for (const match of mask.matchAll(FROM)) add(match, match[4], match[2] !== undefined);
  for (const match of mask.matchAll(BARE)) add(match, match[2], false);
  for (const match of mask.matchAll(DYNAMIC)) add(match, match[2], false);
  return found.sort((a, b) => a.line - b.line);
}

function resolve(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

function refuse(path: string, layer: Layer, one: Import, dependencies: readonly string[]): string | undefined {
  const { specifier } = one;
  if (specifier === '?') return 'an import() must name its module by a literal';
  if (specifier.startsWith('.')) return refuseInside(path, layer, one);
  if (specifier.startsWith('node:')) return refuseNode(path, layer, specifier);
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (!dependencies.includes(name)) return `${name} is not among the dependencies (write node: for Node's own modules)`;
  const allowed = layer.packages.includes(ANY_PACKAGE) || layer.packages.includes(name);
  return allowed ? undefined : `this layer may not import the package ${name}`;
}

function refuseInside(path: string, layer: Layer, one: Import): string | undefined {
  const target = resolve(path, one.specifier);
  if (!target.startsWith('src/')) return `src may not import ${target}`;
  if (layerOf(target) === layer) return undefined;
  const holds = (place: string): boolean => target === `src/${place}` || target.startsWith(`src/${place}/`);
  if (layer.inside.some((place) => !place.startsWith('type ') && holds(place))) return undefined;
  if (!layer.inside.some((place) => place.startsWith('type ') && holds(place.slice(5)))) {
    return `this layer may not import ${target}`;
  }
  return one.typeOnly ? undefined : `this layer may import only types of ${target}`;
}

function refuseNode(path: string, layer: Layer, specifier: string): string | undefined {
  if (TIMER_MODULES.includes(specifier) && !CLOCKS.some((place) => path.startsWith(place))) {
    return `time comes in as an argument: no ${specifier}`;
  }
  if (layer.node === 'any') return undefined;
  const module = specifier.slice('node:'.length).split('/')[0] ?? '';
  if (layer.node === 'pure' && PURE_NODE.includes(module)) return undefined;
  return `this layer may not import ${specifier}`;
}

function findBanned(file: SourceFile, mask: string): string[] {
  return BANS.filter((ban) => !ban.allowed.some((place) => file.path.startsWith(place))).flatMap((ban) =>
    [...mask.matchAll(ban.pattern)].map((match) => `${file.path}:${lineOf(mask, match.index)}: no ${ban.what} here`),
  );
}

/** One circle for each file that a depth-first walk finds itself under. */
function findCircles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) circles.push([...trail.slice(seen), path]);
    if (seen >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return circles;
}
