import { statSync } from 'node:fs';
import express, { Router } from 'express';

/** Where a folder of the operator's own pages is served. */
const SITE_PATH = '/site';

/**
 * The operator's own pages, as they lie in their folder. They have the origin of the API, and may import `/modules/client/connect.js`. What
 * they may load and run is theirs to say; nobody may frame them. Hidden files are not served; what the folder links to is.
 */
export function createSite(folder: string): Router {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`${folder} is no folder: there are no pages to serve`);
  const router = Router({ caseSensitive: true, strict: true });
  const files = express.static(folder, {
    dotfiles: 'ignore',
    setHeaders: (res) =>
      void res.set({
        'Cache-Control': 'no-cache',
        'Content-Security-Policy': "frame-ancestors 'none'",
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
      }),
  });
  router.use(SITE_PATH, files);
  return router;
}
