import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserModules } from './browser-modules.ts';
import type { BrowserPackages } from './browser-packages.ts';
import { withIcons } from './page-icons.ts';

/** A page of a space, or of one of its items: `pages/<folder>/content.html` in the frame that all of them share, with `pages/<folder>/main.ts`. */
export type SpacePage = {
  readonly path: string;
  readonly folder: string;
  /** What it calls what it shows. */
  readonly noun: string;
  /** Of `pages`, beside those that every page has. */
  readonly styles: readonly string[];
  /** The keyboard of a phone takes room from the page, so that what is written stays in sight. */
  readonly shrinks?: true;
};

export const SPACE_PAGES: readonly SpacePage[] = [
  { path: '/board/:space', folder: 'board', noun: 'board', styles: ['shared/surface', 'board/board'] },
  { path: '/edit/:space/:item', folder: 'edit', noun: 'text', styles: ['edit/edit'], shrinks: true },
  { path: '/draw/:space/:item', folder: 'draw', noun: 'picture', styles: ['shared/surface', 'draw/draw'] },
  { path: '/set/:space/:item', folder: 'set', noun: 'set', styles: ['set/set'], shrinks: true },
];

/** The page as browsers get it. `root`: of the folder `pages`. */
export function renderPage(page: SpacePage, root: string, modules: BrowserModules, packages: BrowserPackages): string {
  const read = (name: string): string => readFileSync(join(root, name), 'utf8').trimEnd();
  const { folder, noun, styles } = page;
  const links = styles.map((name) => `<link rel="stylesheet" href="/pages/${name}.css" />`);
  const holes: { readonly [hole: string]: string } = {
    '{noun}': noun,
    '{Noun}': noun.charAt(0).toUpperCase() + noun.slice(1),
    '{viewport}': page.shrinks ? ', interactive-widget=resizes-content' : '',
    '<!-- styles -->': links.join('\n    '),
    '<!-- scripts -->': [...importMap(packages), ...scripts(folder, modules)].join('\n    '),
    '<!-- content -->': read(`${folder}/content.html`).replaceAll('\n', '\n    '),
  };
  return withIcons(read('shared/frame.html').replace(/\{\w+\}|<!-- \w+ -->/g, (hole) => holes[hole] ?? hole));
}

/** The page at `/`, which has no frame and imports no package. `root`: of the folder `pages`. */
export function renderFirstPage(root: string, modules: BrowserModules): string {
  const page = readFileSync(join(root, 'first/page.html'), 'utf8');
  return page.replace('<!-- scripts -->', scripts('first', modules).join('\n    '));
}

function importMap({ importMap: map }: BrowserPackages): readonly string[] {
  return map === undefined ? [] : [`<script type="importmap">${map}</script>`];
}

/** All modules are asked for at once: one that is found in another would cost a round trip for each step. */
function scripts(folder: string, modules: BrowserModules): readonly string[] {
  const [entry = '', ...others] = modules.closure(`pages/${folder}/main.js`);
  return [
    ...others.map((address) => `<link rel="modulepreload" href="${address}" />`),
    `<script type="module" src="${entry}"></script>`,
  ];
}
