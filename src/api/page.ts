import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { type Request, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { isId } from '../protocol/ids.ts';
import { Asset } from './asset.ts';
import { BrowserModules } from './browser-modules.ts';
import { BrowserPackages } from './browser-packages.ts';
import { renderFirstPage, renderPage, SPACE_PAGES } from './space-pages.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = join(ROOT, 'pages');
const HTML = 'text/html; charset=utf-8';
/** Of files that are served as they are, by their endings. */
const TYPES: { readonly [ending: string]: string } = { '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

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
  const servePage = (path: string, render: () => string): void => {
    let rendered: Asset | undefined;
    serve(path, (req) => {
      if (!Object.values(req.params).every(isId)) return undefined;
      rendered ??= new Asset(HTML, render());
      return rendered;
    });
  };

  const parts = readParts();
  serve(/^\/pages\/./, (req) => parts.get(req.path));
  serve(/^\/modules\/npm\/./, (req) => packages.find(req.path.slice('/modules/npm/'.length)));
  serve(/^\/modules\/./, (req) => modules.find(req.path.slice('/modules/'.length)));
  servePage('/', () => renderFirstPage(PAGES, modules));
  for (const page of SPACE_PAGES) servePage(page.path, () => renderPage(page, PAGES, modules, packages));
  return router;
}

/** The files that are served as they are, by path. */
function readParts(): ReadonlyMap<string, Asset> {
  const parts = new Map<string, Asset>();
  for (const entry of readdirSync(PAGES, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const type = TYPES[extname(file)];
    if (!entry.isFile() || type === undefined) continue;
    parts.set(`/pages/${relative(PAGES, file).split(sep).join('/')}`, new Asset(type, readFileSync(file)));
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
