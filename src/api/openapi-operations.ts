import {
  DEFAULT_WAIT_SECONDS,
  MAX_ITEMS_PER_ANSWER,
  MAX_OPS_PER_ANSWER,
  MAX_WAIT_SECONDS,
} from '../protocol/limits.ts';
import {
  answer,
  anyValue,
  conditions,
  durable,
  etag,
  idSchema,
  inHeader,
  inPath,
  inQuery,
  json,
  problem,
  retryAfter,
  troubles,
} from './openapi-parts.ts';
import { client, clients, itemLock, space, spaceList } from './openapi-people.ts';
import { resource, resources, resourceUrl, upload, uploads } from './openapi-resources.ts';
import { stream } from './openapi-streams.ts';

const superseded = problem('a newer poll of the same clientId came');
const pollParameters = [
  inQuery('marker', { type: 'string' }, 'from the last answer; absent: snapshot; now: skip history'),
  inQuery(
    'wait',
    { type: 'integer', minimum: 0, maximum: MAX_WAIT_SECONDS },
    `seconds; default ${DEFAULT_WAIT_SECONDS} with a marker, 0 without`,
  ),
  inQuery('limit', { type: 'integer', minimum: 1, maximum: MAX_ITEMS_PER_ANSWER }, 'items in one answer'),
  inQuery('kinds', { type: 'string' }, 'comma list of kinds'),
  inQuery('ids', { type: 'string' }, 'comma list of ids and prefixes ending in *'),
  inQuery('clientId', idSchema, 'whose poll this is'),
  inQuery('durable', { type: 'boolean' }, 'wake also when something became durable'),
];
const itemParameters = [
  inPath('space'),
  inPath('item'),
  inQuery('kind', { type: 'string' }, 'refuse an item of another kind'),
  inQuery('durable', { type: 'boolean' }, 'in the store before the answer'),
];
const written = { ...etag, ...durable };
const itemTroubles = {
  ...troubles,
  409: problem('the item is of another kind'),
  412: problem('the precondition does not hold', etag),
  423: problem('somebody holds the item'),
};

const updates = {
  parameters: [inPath('space')],
  get: {
    operationId: 'getUpdates',
    summary: 'What changed since a marker; waits until something does',
    parameters: pollParameters,
    responses: {
      200: answer('changes and a new marker', json('GetUpdatesResponse')),
      409: superseded,
      ...troubles,
    },
  },
  post: {
    operationId: 'postUpdate',
    summary: 'Changes up to 100 items, each on its own',
    requestBody: { required: true, content: json('PostUpdateRequest') },
    responses: {
      200: answer('one result for each update, in order', json('PostUpdateResponse')),
      422: problem('an item is named twice'),
      ...troubles,
    },
  },
};

const updatesGet = {
  parameters: [inPath('space')],
  post: {
    operationId: 'postGetUpdates',
    summary: 'GetUpdates with its query as JSON',
    requestBody: { required: true, content: json('GetUpdatesRequest') },
    responses: {
      200: answer('changes and a new marker', json('GetUpdatesResponse')),
      409: superseded,
      ...troubles,
    },
  },
};

const ticketParameter = inQuery('ticket', { type: 'string' }, 'in place of the header; good once');
const updatesStream = {
  parameters: [inPath('space')],
  get: {
    operationId: 'streamUpdates',
    summary: 'GetUpdates as server-sent events: id = marker, data = GetUpdatesResponse',
    parameters: [
      ...pollParameters.filter(({ name }) => name !== 'wait'),
      ticketParameter,
      inHeader('Last-Event-ID', 'marker of the last event; counts more than `marker`'),
    ],
    responses: {
      200: answer('an event for each answer; ends within 55 s', {
        'text/event-stream': { schema: { type: 'string' } },
      }),
      405: problem('the method is not allowed'),
      ...troubles,
    },
  },
};

const socket = {
  parameters: [inPath('space')],
  get: {
    operationId: 'openSocket',
    summary: 'Updates and posts over WebSocket; messages: SocketClientMessage, SocketServerMessage',
    parameters: [ticketParameter],
    responses: {
      101: { description: 'the connection is a WebSocket from here on' },
      426: problem('the request did not ask for a WebSocket'),
      ...troubles,
    },
  },
};

const tickets = {
  parameters: [inPath('space')],
  post: {
    operationId: 'postTicket',
    summary: 'A one-time ticket for a transport that cannot send headers',
    requestBody: { required: false, content: { 'application/json': { schema: { type: 'object', maxProperties: 0 } } } },
    responses: { 201: answer('good once, for a minute', json('Ticket')), ...troubles },
  },
};

const item = {
  parameters: itemParameters,
  get: {
    operationId: 'getItem',
    parameters: conditions,
    responses: {
      200: answer('the value', anyValue, written),
      304: { description: 'not changed' },
      ...itemTroubles,
    },
  },
  put: {
    operationId: 'putItem',
    parameters: conditions,
    requestBody: { required: true, content: anyValue },
    responses: {
      200: answer('replaced', json('ItemWritten'), written),
      201: answer('created', json('ItemWritten'), written),
      ...itemTroubles,
    },
  },
  patch: {
    operationId: 'patchItem',
    summary: 'Merges (RFC 7396)',
    parameters: conditions,
    requestBody: { required: true, content: { 'application/merge-patch+json': { schema: {} }, ...anyValue } },
    responses: { 200: answer('merged', json('ItemWritten'), written), ...itemTroubles },
  },
  delete: {
    operationId: 'deleteItem',
    parameters: conditions,
    responses: { 204: { description: 'deleted, and stored as such', headers: durable }, ...itemTroubles },
  },
};

/** Nobody is asked who they are. */
const page = (operationId: string, description: string, schema: string, more = {}) => ({
  get: { operationId, security: [], responses: { 200: answer(description, json(schema)), ...more } },
});

export const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'a JWT of a known issuer, or a key (lsk_…)' },
  iap: { type: 'apiKey', in: 'header', name: 'x-goog-iap-jwt-assertion', description: 'set by Identity-Aware Proxy' },
};
/** In mode `none` nothing is needed. */
export const SECURITY = [{}, { bearer: [] }, { iap: [] }];

const itemOps = {
  parameters: [inPath('space'), inPath('item')],
  get: {
    operationId: 'getOps',
    summary: 'The operations of an item from an index on; waits where there is none yet',
    parameters: [
      inQuery('index', { type: 'integer', minimum: 1 }, 'of the first operation; default 1'),
      inQuery('limit', { type: 'integer', minimum: 1, maximum: MAX_OPS_PER_ANSWER }, 'operations in one answer'),
      inQuery(
        'wait',
        { type: 'integer', minimum: 0, maximum: MAX_WAIT_SECONDS },
        `seconds; default ${DEFAULT_WAIT_SECONDS}`,
      ),
      inQuery('lineage', { type: 'string' }, 'from the last answer: tells what is not in the item any more'),
    ],
    responses: {
      200: answer('operations, and where to go on', json('OpsResponse')),
      304: { description: 'the caller has this page' },
      405: problem('the method is not allowed'),
      409: problem('items of this kind keep no history'),
      ...troubles,
    },
  },
};

const noPicture = problem('the item is no picture');
const pictureFile = {
  parameters: [inPath('space'), inPath('item')],
  get: {
    operationId: 'getPicture',
    summary: 'A picture with everything that was accepted, or as it is stored at a version',
    parameters: [
      inQuery('at', { type: 'integer', minimum: 1 }, 'a stored version'),
      inHeader('If-None-Match', 'the version, quoted'),
    ],
    responses: {
      200: answer(
        'Longshore-Index and Longshore-Lineage tell where its operations go on',
        { 'image/png': { schema: {} } },
        etag,
      ),
      304: { description: 'not changed' },
      409: noPicture,
      412: problem('the precondition does not hold'),
      ...troubles,
    },
  },
};

const storedPictures = {
  parameters: [inPath('space'), inPath('item')],
  get: {
    operationId: 'listPictures',
    summary: 'The versions of a picture that are stored, oldest first',
    parameters: [inQuery('after', { type: 'integer', minimum: 0 }, 'the last version of the page before')],
    responses: { 200: answer('versions', json('StoredPictures')), 409: noPicture, ...troubles },
  },
};

/** The paths of the OpenAPI document. */
export function operations(): object {
  return {
    '/v1/spaces': spaceList,
    '/v1/spaces/{space}': space,
    '/v1/spaces/{space}/updates': updates,
    '/v1/spaces/{space}/updates:get': updatesGet,
    '/v1/spaces/{space}/updates/stream': updatesStream,
    '/v1/spaces/{space}/socket': socket,
    '/v1/spaces/{space}/tickets': tickets,
    '/v1/spaces/{space}/clients': clients,
    '/v1/spaces/{space}/clients/{client}': client,
    '/v1/spaces/{space}/items/{item}': item,
    '/v1/spaces/{space}/items/{item}/lock': itemLock,
    '/v1/spaces/{space}/items/{item}/ops': itemOps,
    '/v1/spaces/{space}/items/{item}/picture.png': pictureFile,
    '/v1/spaces/{space}/items/{item}/pictures': storedPictures,
    '/v1/spaces/{space}/resources': resources,
    '/v1/spaces/{space}/resources/{hash}': resource,
    '/v1/spaces/{space}/resources/{hash}/url': resourceUrl,
    '/v1/spaces/{space}/uploads': uploads,
    '/v1/spaces/{space}/uploads/{upload}': upload,
    '/v1/stream/{space}/{path}': stream,
    '/healthz': page('healthz', 'the process runs', 'Health'),
    '/readyz': page('readyz', 'every dependency answers', 'ReadyReport', {
      503: answer('one of them does not', json('ReadyReport'), retryAfter),
    }),
    '/internal/sweep': page('sweep', 'what was done; for operators', 'SweepReport', {
      404: problem('for operators only'),
    }),
  };
}
