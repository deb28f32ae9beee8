import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { type Request, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { isId } from '../protocol/ids.ts';
import { Asset } from './asset.ts';
import { BrowserModules } from './browser-modules.ts';
import { BrowserPackages } from './browser-packages.ts';
import { renderPage, SPACE_PAGES } from './space-pages.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = 'pages';
/** Folders of files that are served as they are, and the endings of these. */
const PARTS: readonly (readonly [folder: string, endings: readonly string[]])[] = [
  ['api/pages', ['.html', '.css', '.js', '.svg']],
  [PAGES, ['.css', '.svg']],
];

const TYPES: { readonly [ending: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The pages, their parts, and the modules that they load. */
export function createPages(packages = new BrowserPackages()): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const modules = new BrowserModules(ROOT);
  const secure = securityHeaders(packages.importMapHash);
  const serve = (path: string | RegExp, find: (req: Request) => Asset | undefined): void => {
    const answer: RequestHandler = (req, res, next) => {
      const asset = find(req);
      if (asset === undefined) return next();
      secure(req, res, () => asset.send(req, res));
    };
    router.get(path, answer);
  };

  const parts = readParts();
  serve('/', () => parts.get('/'));
  serve(/^\/pages\/./, (req) => parts.get(req.path));
  serve(/^\/modules\/npm\/./, (req) => packages.find(req.path.slice('/modules/npm/'.length)));
  serve(/^\/modules\/./, (req) => modules.find(req.path.slice('/modules/'.length)));
  for (const page of SPACE_PAGES) {
    let rendered: Asset | undefined;
    serve(page.path, (req) => {
      if (!Object.values(req.params).every(isId)) return undefined;
      rendered ??= new Asset(TYPES['.html'] ?? '', renderPage(page, join(ROOT, PAGES), modules, packages));
      return rendered;
    });
  }
  return router;
}

/** The files that are served as they are, by path. */
function readParts(): ReadonlyMap<string, Asset> {
  const parts = new Map<string, Asset>();
  for (const [folder, endings] of PARTS) {
    const root = join(ROOT, folder);
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      const ending = extname(file);
      if (!entry.isFile() || !endings.includes(ending)) continue;
      const name = relative(root, file).split(sep).join('/');
      const path = name === 'index.html' ? '/' : `/pages/${name}`;
      parts.set(path, new Asset(TYPES[ending] ?? '', readFileSync(file)));
    }
  }
  return parts;
}

function securityHeaders(importMapHash: string | undefined): RequestHandler {
  const protect = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        ...(importMapHash !== undefined && { scriptSrc: ["'self'", importMapHash] }),
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
  });
  return function secure(req, res, next) {
    res.set('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=()');
    protect(req, res, next);
  };
}
