import { MAX_SPACES_PER_ANSWER } from '../protocol/limits.ts';
import {
  answer,
  conditions,
  etag,
  idSchema,
  inPath,
  inQuery,
  json,
  problem,
  retryAfter,
  troubles,
} from './openapi-parts.ts';

/* Clients, locks and spaces. */

export const clients = {
  parameters: [inPath('space')],
  post: {
    operationId: 'joinSpace',
    summary: 'A client joins: who it is, and the first page of a snapshot that it is in',
    requestBody: { required: false, content: json('JoinRequest') },
    responses: { 201: answer('joined', json('JoinResponse')), 409: problem('the id is taken'), ...troubles },
  },
};

export const client = {
  parameters: [inPath('space'), inPath('client')],
  patch: {
    operationId: 'patchClient',
    summary: 'What a client says of itself; shown to the others a moment later, never stored',
    requestBody: { required: true, content: json('PatchClientRequest') },
    responses: {
      204: { description: 'taken' },
      409: problem('the client has not joined'),
      ...troubles,
    },
  },
  delete: {
    operationId: 'leaveSpace',
    parameters: [inQuery('generation', { type: 'integer', minimum: 1 }, 'of the join; later ones stay')],
    responses: { 204: { description: 'it is not here any more, or a later generation is' }, ...troubles },
  },
};

export const itemLock = {
  parameters: [inPath('space'), inPath('item')],
  post: {
    operationId: 'postLock',
    summary: 'Grabs an item for a client, or renews its lease',
    requestBody: { required: true, content: json('LockRequest') },
    responses: {
      200: answer('granted, or renewed under the same fence', json('LockGranted')),
      409: problem('the client has not joined, holds too many items, or items of this kind are not locked'),
      423: problem('somebody holds the item (with holder and ttlMs), or the client has held it for too long'),
      ...troubles,
    },
  },
  delete: {
    operationId: 'deleteLock',
    summary: 'A release: what stands is stored',
    parameters: [inQuery('clientId', idSchema, 'in place of the body')],
    requestBody: { required: false, content: json('UnlockRequest') },
    responses: { 204: { description: 'the client does not hold the item' }, ...troubles },
  },
};

export const spaceList = {
  get: {
    operationId: 'listSpaces',
    summary: 'The spaces that the caller brings the right to administer',
    parameters: [
      inQuery('after', idSchema, 'from the last answer'),
      inQuery('limit', { type: 'integer', minimum: 1, maximum: MAX_SPACES_PER_ANSWER }, 'spaces in one answer'),
    ],
    responses: { 200: answer('ascending; `after` where there may be more', json('SpaceList')), ...troubles },
  },
};

export const space = {
  parameters: [inPath('space')],
  get: {
    operationId: 'getSpace',
    parameters: conditions,
    responses: {
      200: answer('the settings', json('SpaceSettings'), etag),
      304: { description: 'not changed' },
      412: problem('the precondition does not hold', etag),
      ...troubles,
    },
  },
  put: {
    operationId: 'putSpace',
    summary: 'Replaces the settings; what is left out has its default',
    parameters: conditions,
    requestBody: { required: true, content: json('SpaceSettings') },
    responses: {
      200: answer('replaced', json('SpaceSettings'), etag),
      201: answer('the space was made', json('SpaceSettings'), etag),
      412: problem('the precondition does not hold', etag),
      ...troubles,
    },
  },
  delete: {
    operationId: 'deleteSpace',
    summary: 'Deletes every item, then the settings',
    responses: {
      202: answer('not all yet: send the same again', json('SpaceDeleting'), retryAfter),
      204: { description: 'deleted' },
      ...troubles,
    },
  },
};
