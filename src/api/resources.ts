import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dispositionOf } from '../core/resources/disposition.ts';
import type { Kept } from '../core/resources/resources.ts';
import { ProblemError } from '../protocol/errors.ts';
import { MAX_RESOURCE_BYTES } from '../protocol/limits.ts';
import { type Resource, type ResourceHash, uploadRequestSchema } from '../protocol/resources.ts';
import { accountOf, admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { type Range, readRange } from './byte-range.ts';
import { namesTag } from './etags.ts';
import { keptBy } from './fixed-answers.ts';
import { readHash, readSpace } from './path.ts';
import { readBytes, readJson } from './read-body.ts';
import { type HeaderList, type Replies, rawHeader, SHELL } from './reply.ts';
import { sendParts } from './send-parts.ts';
import { DetailedProblem } from './to-response.ts';

type ResourceDeps = Pick<
  AppDeps,
  'access' | 'limits' | 'proxyHops' | 'resources' | 'uploads' | 'clock' | 'meter' | 'log'
> & { readonly replies: Replies };
type Handler = (req: IncomingMessage, res: ServerResponse, space: string) => Promise<void>;
type NamedHandler = (req: IncomingMessage, res: ServerResponse, space: string, name: string) => Promise<void>;

export function createPutResource({ replies, resources, ...deps }: ResourceDeps): Handler {
  return async function putResource(req, res, name) {
    const space = readSpace(name);
    await admitUpload(deps, req, space);
    const digest = createHash('sha256');
    const bytes = await readBytes(req, MAX_RESOURCE_BYTES, deps.limits.bodies, (part) => digest.update(part));
    if (bytes.length === 0) throw new ProblemError('badRequest', 'the body is empty; send the bytes of the resource');
    const { transfers } = deps.limits;
    transfers.enter(bytes.length);
    try {
      sendKept(replies, req, res, await resources.put(space, bytes, digest.digest('hex') as ResourceHash));
    } finally {
      transfers.leave(bytes.length);
    }
  };
}

export function createGetResource({ replies, resources, uploads, ...deps }: ResourceDeps): NamedHandler {
  return async function getResource(req, res, spaceName, hashName) {
    const [space, hash] = [readSpace(spaceName), readHash(hashName)];
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    const resource = await resources.find(space, hash);
    if (resource === undefined) throw absent(hash);
    const tag = `"${hash}"`;
    const headers = [...SHELL, ...keptBy(req, true), 'ETag', tag, 'Accept-Ranges', 'bytes'];
    if (namesTag(rawHeader(req, 'if-none-match'), tag)) return end(replies, req, res, 304, headers);
    const url = await uploads.detour(space, resource);
    if (url !== undefined) {
      return end(replies, req, res, 307, ['Location', url, 'Cache-Control', 'no-store', 'Content-Length', '0']);
    }
    const range = rangeOf(req, resource, tag);
    const { start, end: last } = range ?? { start: 0, end: resource.size - 1 };
    const described = describe(resource, range);
    if (req.method === 'HEAD') return end(replies, req, res, range ? 206 : 200, [...headers, ...described]);
    await sendParts(deps, res, {
      start,
      end: last,
      read: (part) => resources.read(space, hash, part),
      begin: () => replies.head(req, res, range ? 206 : 200, [...headers, ...described]),
      gone: () => absent(hash),
    });
  };
}

export function createGetResourceUsage({ replies, resources, ...deps }: ResourceDeps): Handler {
  return async function getResourceUsage(req, res, name) {
    const space = readSpace(name);
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    replies.json(req, res, 200, await resources.usage(space));
  };
}

export function createGetResourceUrl({ replies, uploads, ...deps }: ResourceDeps): NamedHandler {
  return async function getResourceUrl(req, res, spaceName, hashName) {
    const [space, hash] = [readSpace(spaceName), readHash(hashName)];
    await admitWithin(deps, req, { space, right: 'read', budget: 'poll' });
    const signed = await uploads.url(space, hash);
    if (signed === undefined) throw absent(hash);
    replies.json(req, res, 200, signed);
  };
}

export function createBeginUpload({ replies, uploads, ...deps }: ResourceDeps): Handler {
  return async function beginUpload(req, res, name) {
    const space = readSpace(name);
    await admitUpload(deps, req, space);
    const { size } = uploadRequestSchema.parse(await readJson(req, deps.limits.bodies));
    replies.json(req, res, 201, await uploads.begin(space, size));
  };
}

export function createFinishUpload({ replies, uploads, ...deps }: ResourceDeps): NamedHandler {
  return async function finishUpload(req, res, spaceName, upload) {
    const space = readSpace(spaceName);
    await admitUpload(deps, req, space);
    // An image is held whole to be measured.
    const { transfers } = deps.limits;
    transfers.enter(MAX_RESOURCE_BYTES);
    try {
      sendKept(replies, req, res, await uploads.finish(space, upload));
    } finally {
      transfers.leave(MAX_RESOURCE_BYTES);
    }
  };
}

/** Uploads are counted by all instances together, and refused where they cannot be: what is kept costs for as long as it is kept. */
async function admitUpload(
  deps: Pick<ResourceDeps, 'access' | 'limits' | 'proxyHops'>,
  req: IncomingMessage,
  space: ReturnType<typeof readSpace>,
): Promise<void> {
  const caller = await deps.access.admit(req.rawHeaders, space, 'write');
  await deps.limits.takeShared(accountOf(deps, req, caller), 'upload');
}

function sendKept(replies: Replies, req: IncomingMessage, res: ServerResponse, { created, resource }: Kept): void {
  replies.json(req, res, created ? 201 : 200, resource);
}

function describe({ size, ...resource }: Resource, range: Range | undefined): HeaderList {
  const shown = range ?? { start: 0, end: size - 1 };
  const place = range === undefined ? [] : ['Content-Range', `bytes ${range.start}-${range.end}/${size}`];
  return [
    'Content-Type',
    resource.type,
    'Content-Disposition',
    dispositionOf({ size, ...resource }),
    'Content-Length',
    String(shown.end - shown.start + 1),
    ...place,
  ];
}

function rangeOf(req: IncomingMessage, { size }: Resource, tag: string): Range | undefined {
  const condition = rawHeader(req, 'if-range');
  const range = condition === undefined || condition === tag ? readRange(rawHeader(req, 'range'), size) : undefined;
  if (range !== 'outside') return range;
  throw new DetailedProblem('rangeNotSatisfiable', `the resource has ${size} bytes`, {
    headers: ['Content-Range', `bytes */${size}`],
  });
}

function end(replies: Replies, req: IncomingMessage, res: ServerResponse, status: number, headers: HeaderList): void {
  replies.head(req, res, status, headers);
  res.end();
}

function absent(hash: string): ProblemError {
  return new ProblemError('notFound', `there is no resource ${hash}`);
}
