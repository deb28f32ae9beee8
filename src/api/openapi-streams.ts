import { answer, idSchema, inHeader, inPath, inQuery, problem, troubles } from './openapi-parts.ts';

/* The Durable Streams protocol upon logs. */

const text = { schema: { type: 'string' } };
const headers = {
  'Stream-Next-Offset': { ...text, description: 'where to read on from' },
  'Stream-Closed': { ...text, description: 'true: nothing will come after it' },
};
const live = {
  ...headers,
  'Stream-Up-To-Date': { ...text, description: 'true: there is nothing after it now' },
  'Stream-Cursor': { ...text, description: 'to be sent with the next live request' },
  ETag: { ...text, description: 'names what is between the offsets, and whether the stream is closed' },
};
const bytes = { '*/*': { schema: {} } };
const TYPES = ['application/octet-stream', 'application/json', 'text/plain', 'text/html', 'text/event-stream'];
const content = Object.fromEntries(TYPES.map((type) => [type, { schema: {} }]));
const gone = {
  409: problem('the item of this name is of another kind'),
  410: problem('deleted while forks still read from it, or the offset is of what is not there any more'),
};
const producer = [
  inHeader('Producer-Id', 'who sends; with the two others the request has an effect once'),
  inHeader('Producer-Epoch', 'which life of the sender'),
  inHeader('Producer-Seq', 'number of the request in that life, from 0 on'),
];
const closing = inHeader('Stream-Closed', 'true: nothing may be appended any more');
const segments = {
  name: 'path',
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description: 'any number of segments, percent-encoded; the item of the same name, where the segments are ids',
};

export const stream = {
  parameters: [{ ...inPath('space'), schema: idSchema }, segments],
  get: {
    operationId: 'getStream',
    summary: 'What is in a stream from an offset on; or, live, what comes',
    parameters: [
      inQuery('offset', { type: 'string' }, 'from an earlier answer; -1 or absent: from the beginning; now: its end'),
      inQuery('live', { type: 'string', enum: ['long-poll', 'sse'] }, 'wait for what comes; needs an offset'),
      inQuery('cursor', { type: 'string' }, 'Stream-Cursor of the last live answer'),
      inHeader('If-None-Match', 'ETag of an earlier answer'),
    ],
    responses: {
      200: answer(
        'bytes, a list of JSON values, or server-sent events; of the type of the stream, whichever it is',
        content,
        live,
      ),
      204: { description: 'the wait is over, or the stream is closed', headers: live },
      304: { description: 'the caller has it' },
      ...troubles,
      ...gone,
    },
  },
  head: {
    operationId: 'headStream',
    summary: 'Where a stream ends, and of what type it is',
    responses: { 200: { description: 'it is there', headers }, ...troubles, ...gone },
  },
  put: {
    operationId: 'putStream',
    summary: 'Makes a stream, or sees that it is there as it is wanted',
    parameters: [
      inHeader('Stream-TTL', 'seconds without a read or an append after which it goes'),
      inHeader('Stream-Expires-At', 'when it goes, RFC 3339'),
      closing,
      inHeader('Stream-Forked-From', 'path of another stream: it begins with what that has'),
      inHeader('Stream-Fork-Offset', 'up to this offset'),
      inHeader('Stream-Fork-Sub-Offset', 'and so many bytes, or messages of JSON, after it'),
      inHeader('Longshore-Durable', 'false: appends are acknowledged before the store has them'),
    ],
    requestBody: { content: bytes },
    responses: {
      200: { description: 'it was there already', headers },
      201: { description: 'made', headers: { ...headers, Location: text } },
      ...troubles,
      409: problem('it is there with another configuration, or the source cannot be forked'),
    },
  },
  post: {
    operationId: 'appendToStream',
    summary: 'Appends, closes, or both',
    parameters: [closing, inHeader('Stream-Seq', 'greater than that of every append before, as text'), ...producer],
    requestBody: { content: bytes },
    responses: {
      200: { description: 'appended for a producer', headers },
      204: { description: 'appended; or done before', headers },
      ...troubles,
      ...gone,
      409: problem('closed, of another type, or out of sequence', headers),
    },
  },
  delete: {
    operationId: 'deleteStream',
    summary: 'Deletes a stream',
    responses: { 204: { description: 'it is gone' }, ...troubles, ...gone },
  },
};
