import { answer, inHeader, inPath, json, problem, troubles } from './openapi-parts.ts';

/* Resources: bytes by their hash. */

const inHash = {
  name: 'hash',
  in: 'path',
  required: true,
  schema: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  description: 'SHA-256 of the bytes',
};
/** Bytes as they are: OpenAPI 3.1 has no schema for them. */
const TYPES = ['application/octet-stream', 'image/png', 'image/jpeg', 'image/webp', 'image/gif'];
const bytes = Object.fromEntries(TYPES.map((type) => [type, { schema: {} }]));
const tag = { ETag: { schema: { type: 'string' }, description: 'the hash, quoted' } };
const kept = {
  200: answer('it was there already', json('Resource')),
  201: answer('kept', json('Resource')),
  409: problem('the space is full'),
  422: problem('the bytes begin as an image that cannot be read, or has too many pixels'),
};
const notOffered = { 501: problem('resources pass through this server: its blobs have no signed URLs') };

export const resources = {
  parameters: [inPath('space')],
  get: {
    operationId: 'getResourceUsage',
    summary: 'What the resources of the space take up, and what they may',
    responses: { 200: answer('as counted', json('ResourceUsage')), ...troubles },
  },
  put: {
    operationId: 'putResource',
    summary: 'Keeps the bytes of the body under their hash',
    requestBody: { required: true, content: { '*/*': { schema: {} } } },
    responses: { ...kept, ...troubles },
  },
};

export const resource = {
  parameters: [inPath('space'), inHash],
  get: {
    operationId: 'getResource',
    summary: 'The bytes; they never change',
    parameters: [
      inHeader('Range', 'one range of bytes; others are answered as a whole'),
      inHeader('If-Range', 'the hash, quoted'),
      inHeader('If-None-Match', 'the hash, quoted'),
    ],
    responses: {
      200: answer('all of it', bytes, tag),
      206: answer('the range', bytes, tag),
      304: { description: 'the caller has it' },
      307: { description: 'too large to pass through the server: a signed URL' },
      416: problem('the range lies outside'),
      ...troubles,
    },
  },
};

export const resourceUrl = {
  parameters: [inPath('space'), inHash],
  get: {
    operationId: 'getResourceUrl',
    summary: 'A signed URL of the bytes',
    responses: { 200: answer('for a while', json('ResourceUrl')), ...notOffered, ...troubles },
  },
};

export const uploads = {
  parameters: [inPath('space')],
  post: {
    operationId: 'beginUpload',
    summary: 'A signed URL to send the bytes of a resource to, past the server',
    requestBody: { required: true, content: json('UploadRequest') },
    responses: {
      201: answer('send the bytes there, then POST …/uploads/{upload}', json('UploadTicket')),
      409: problem('the space is full'),
      ...notOffered,
      ...troubles,
    },
  },
};

export const upload = {
  parameters: [inPath('space'), inPath('upload')],
  post: {
    operationId: 'finishUpload',
    summary: 'Looks at what was sent, and keeps it as a resource',
    responses: { ...kept, ...notOffered, ...troubles },
  },
};
