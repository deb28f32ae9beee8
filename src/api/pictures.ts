import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '../protocol/errors.ts';
import { MAX_PICTURES_PER_ANSWER, MAX_RESOURCE_BYTES } from '../protocol/limits.ts';
import type { StoredPicturesResponse } from '../protocol/pictures.ts';
import { admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { evaluate, readPreconditions, versionTag } from './etags.ts';
import { keptBy } from './fixed-answers.ts';
import { readItem, readSpace } from './path.ts';
import { parseQuery, readInteger } from './query.ts';
import { type HeaderList, type Replies, SHELL } from './reply.ts';
import { sendParts } from './send-parts.ts';

type PictureDeps = Pick<AppDeps, 'access' | 'limits' | 'proxyHops' | 'engine' | 'clock' | 'meter' | 'log'> & {
  readonly replies: Replies;
};
type Place = { readonly space: string; readonly item: string; readonly search: string };
type Handler = (req: IncomingMessage, res: ServerResponse, place: Place) => Promise<void>;

/** `GET …/items/{item}/picture.png`: with all that is accepted, or as it is stored at a version. */
export function createGetPicture({ replies, ...deps }: PictureDeps): Handler {
  return async function getPicture(req, res, place) {
    const [space, item] = [readSpace(place.space), readItem(place.item)];
    const { at } = parseQuery(place.search, ['at']);
    const version = at === undefined ? undefined : readInteger('at', at, 1, Number.MAX_SAFE_INTEGER);
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    const file = await deps.engine.pictures.file(space, item, version);
    if (file === undefined) throw new ProblemError('notFound', `version ${at} of ${item} is not stored as a picture`);
    const headers: HeaderList = [
      ...SHELL,
      // A version that is stored never changes.
      ...keptBy(req, version !== undefined),
      'ETag',
      versionTag(file.version),
      'Longshore-Version',
      String(file.version),
      'Longshore-Index',
      String(file.index),
      'Longshore-Lineage',
      file.lineage,
    ];
    const known = evaluate(readPreconditions(req.headers), file.version);
    if (known === 'match') throw new ProblemError('preconditionFailed', `the picture has version ${file.version}`);
    if (known === 'noneMatch') {
      replies.head(req, res, 304, headers);
      res.end();
      return;
    }
    const { png } = file;
    const begin = () =>
      replies.head(req, res, 200, [...headers, 'Content-Type', 'image/png', 'Content-Length', String(png.length)]);
    if (req.method === 'HEAD') {
      begin();
      res.end();
      return;
    }
    await sendParts(deps, res, {
      start: 0,
      end: png.length - 1,
      held: Math.min(png.length, MAX_RESOURCE_BYTES),
      read: async ({ start, end }) => Buffer.from(png.buffer, png.byteOffset + start, end - start + 1),
      begin,
      gone: () => new ProblemError('notFound', 'the picture is gone'),
    });
  };
}

/** `GET …/items/{item}/pictures`: the versions that are stored, oldest first. */
export function createListPictures({ replies, ...deps }: PictureDeps): Handler {
  return async function listPictures(req, res, place) {
    const [space, item] = [readSpace(place.space), readItem(place.item)];
    const { after = '0' } = parseQuery(place.search, ['after']);
    const version = readInteger('after', after, 0, Number.MAX_SAFE_INTEGER);
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    const found = await deps.engine.pictures.stored(space, item, version);
    const pictures = found.map(({ version: v, index }) => ({ version: v, index }));
    const upToDate = pictures.length < MAX_PICTURES_PER_ANSWER;
    replies.json(req, res, 200, { pictures, upToDate } satisfies StoredPicturesResponse);
  };
}
