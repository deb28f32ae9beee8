import { ID_RULE } from '../protocol/ids.ts';
import { MAX_ID_CHARS } from '../protocol/limits.ts';

/* What the operations of the OpenAPI document are made of. */

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
export const json = (name: string) => ({ 'application/json': { schema: ref(name) } });
export const anyValue = { 'application/json': { schema: {} } };

export const idSchema = {
  type: 'string',
  maxLength: MAX_ID_CHARS,
  pattern: '^[A-Za-z0-9._~:-]+$',
  description: ID_RULE,
};
export const inPath = (name: string) => ({ name, in: 'path', required: true, schema: idSchema });
export const inQuery = (name: string, schema: object, description: string) => ({
  name,
  in: 'query',
  schema,
  description,
});
export const inHeader = (name: string, description: string) => ({
  name,
  in: 'header',
  schema: { type: 'string' },
  description,
});

export const retryAfter = { 'Retry-After': { schema: { type: 'integer' }, description: 'seconds' } };
export const etag = {
  ETag: {
    schema: { type: 'string' },
    description: 'the version, quoted; with -br or -gzip behind it where the body is compressed',
  },
};
export const durable = {
  'Longshore-Durable-Version': { schema: { type: 'integer' }, description: 'newest stored version' },
};

export const problem = (description: string, headers = {}) => ({
  description,
  headers,
  content: { 'application/problem+json': { schema: ref('Problem') } },
});
export const answer = (description: string, content: object, headers = {}) => ({ description, headers, content });

export const challenge = {
  'WWW-Authenticate': { schema: { type: 'string' }, description: 'Bearer, and what is wrong' },
};
/** With identities on. A space that the caller has no right in is 404 like one that is not there. */
export const strangers = {
  401: problem('who asks is not known', challenge),
  403: problem('the caller may not do this, or a page of an origin that is not listed sent it without a bearer token'),
  404: problem('there is no such space for this caller, or no such item in it'),
};
export const troubles = {
  400: problem('the request is not of the documented form'),
  ...strangers,
  413: problem('the body is too large'),
  415: problem('the content type or coding is not supported'),
  429: problem('the caller has used up a budget', retryAfter),
  503: problem('not now: try the same again later', retryAfter),
};

export const conditions = [
  inHeader('If-Match', 'only over one of these versions'),
  inHeader('If-None-Match', '* = only create'),
];
