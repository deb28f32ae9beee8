import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RequestHandler, Router } from 'express';
import helmet from 'helmet';

const FOLDER = join(import.meta.dirname, 'pages');
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/pages/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/pages/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/pages/icon.svg', 'icon.svg', 'image/svg+xml'],
  ['/pages/api.js', 'api.js', 'text/javascript; charset=utf-8'],
] as const;

/** The first page and its parts, held in memory. */
export function createPage(): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const secure = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
  });
  for (const [path, file, contentType] of FILES) {
    const body = readFileSync(join(FOLDER, file));
    const servePage: RequestHandler = (_req, res) => {
      const permissions = 'camera=(), geolocation=(), microphone=(), payment=()';
      res.set({ 'Content-Type': contentType, 'Cache-Control': 'no-cache', 'Permissions-Policy': permissions });
      res.end(body);
    };
    router.get(path, secure, servePage);
  }
  return router;
}
