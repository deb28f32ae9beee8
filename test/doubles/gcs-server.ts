import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parseMultipart } from './gcs-multipart.ts';
import { GcsError, GcsObjects, hashesOf, type StoredObject, type UploadMetadata } from './gcs-objects.ts';
import { GcsSignedUrls, lendSigner } from './gcs-signed.ts';

/**
 * What happens to one request instead of a good answer:
 * - `status`: that error, nothing done
 * - `lostAnswer`: done, then the connection is cut
 * - `silence`: done, never answered
 * - `corrupt`: a byte of the content is changed on its way, up or down
 */
export type GcsFault = { readonly status: number } | 'lostAnswer' | 'silence' | 'corrupt';

export type GcsRequest = { readonly method: string; readonly path: string; readonly query: URLSearchParams };

export type Call = GcsRequest & { readonly headers: IncomingMessage['headers']; readonly body: Buffer };
export type Answer = { readonly status: number; readonly headers?: Record<string, string>; readonly body: Buffer };

const MAX_PAGE = 1000;

/**
 * Stands for the JSON API of Cloud Storage with one bucket, as far as the client library uses it for whole objects:
 * multipart uploads, rewrites, media downloads with ranges, metadata, lists in pages, deletes, generations and preconditions.
 */
export class GcsServer {
  readonly objects: GcsObjects;
  readonly requests: GcsRequest[] = [];
  /** Called after a request was recorded, before it is done. */
  onRequest: (request: GcsRequest) => void = () => {};
  readonly #server: Server;
  readonly #signed: GcsSignedUrls;
  #forget: () => void = () => {};
  readonly #rewrites = new Map<string, UploadMetadata>();
  readonly #faults: GcsFault[] = [];

  private constructor(bucket: string) {
    this.objects = new GcsObjects(bucket);
    this.#signed = new GcsSignedUrls(this.objects);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  static async start(bucket: string): Promise<GcsServer> {
    const server = new GcsServer(bucket);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.#forget = lendSigner();
    return server;
  }

  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Each coming request takes one of them. */
  inject(...faults: GcsFault[]): void {
    this.#faults.push(...faults);
  }

  async stop(): Promise<void> {
    this.#forget();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host');
    const method = request.method ?? '';
    const body = await buffer(request);
    const call: Call = { method, path: url.pathname, query: url.searchParams, headers: request.headers, body };
    this.requests.push({ method, path: call.path, query: call.query });
    this.onRequest(call);
    const fault = this.#faults.shift();
    const answer = this.#answer(call, fault);
    if (fault === 'silence') return;
    if (fault === 'lostAnswer') response.destroy();
    else
      response.writeHead(answer.status, { 'content-length': answer.body.length, ...answer.headers }).end(answer.body);
  }

  #answer(call: Call, fault: GcsFault | undefined): Answer {
    try {
      if (typeof fault === 'object') throw new GcsError(fault.status, 'backendError', 'Injected.');
      const answer = this.#route(call, fault === 'corrupt');
      return fault === 'corrupt' ? { ...answer, body: flipByte(answer.body) } : answer;
    } catch (error) {
      if (!(error instanceof GcsError)) throw error;
      return json(error.toJson(), error.status);
    }
  }

  #route(call: Call, corrupt: boolean): Answer {
    const signed = this.#signed.route(call);
    if (signed !== undefined) return signed;
    const [, upload, bucket, rest = ''] = /^(\/upload)?\/storage\/v1\/b\/([^/]+)(\/.*)?$/.exec(call.path) ?? [];
    if (bucket === undefined) throw new GcsError(404, 'notFound', `No such path: ${call.path}`);
    if (bucket !== this.objects.bucket) throw new GcsError(404, 'notFound', 'The specified bucket does not exist.');
    const copy = /^\/o\/([^/]+)\/rewriteTo\/b\/([^/]+)\/o\/([^/]+)$/.exec(rest);
    if (copy !== null && call.method === 'POST') return this.#rewrite(copy, call);
    const name = /^\/o\/([^/]+)$/.exec(rest)?.[1];
    const what = `${call.method} ${upload ?? ''}${name === undefined ? rest : '/o/NAME'}`;
    if (what === 'POST /upload/o') return this.#insert(call, corrupt);
    if (what === 'GET ') return json({ kind: 'storage#bucket', id: bucket, name: bucket });
    if (what === 'GET /o') return this.#list(call.query);
    if (what === 'GET /o/NAME') return this.#read(decodeURIComponent(name ?? ''), call);
    if (what === 'DELETE /o/NAME') {
      this.objects.delete(decodeURIComponent(name ?? ''), call.query.get('ifGenerationMatch'));
      return { status: 204, body: Buffer.alloc(0) };
    }
    throw new GcsError(405, 'methodNotAllowed', `This double does not know ${what}`);
  }

  #insert(call: Call, corrupt: boolean): Answer {
    const name = call.query.get('name');
    if (call.query.get('uploadType') !== 'multipart' || name === null) {
      throw new GcsError(400, 'badRequest', 'This double takes multipart uploads with a name only.');
    }
    const { upload, bytes } = parseMultipart(call.headers['content-type'], call.body);
    const arrived = corrupt ? flipByte(bytes) : bytes;
    return json(this.#describe(this.objects.insert(name, arrived, upload, call.query.get('ifGenerationMatch'))));
  }

  /** In two steps, as large objects take several: what the first one asked for holds for the second. */
  #rewrite([, from = '', bucket = '', to = '']: string[], { query, body }: Call): Answer {
    if (bucket !== this.objects.bucket) throw new GcsError(404, 'notFound', 'The specified bucket does not exist.');
    const source = this.objects.read(decodeURIComponent(from), query.get('sourceGeneration'));
    const kind = 'storage#rewriteResponse';
    const token = query.get('rewriteToken');
    if (token === null) {
      const { contentType = source.contentType }: UploadMetadata = body.length === 0 ? {} : JSON.parse(body.toString());
      const rewriteToken = `rewrite-${this.#rewrites.size}`;
      this.#rewrites.set(rewriteToken, { contentType, metadata: source.metadata });
      return json({ kind, done: false, rewriteToken });
    }
    const upload = this.#rewrites.get(token);
    if (upload === undefined) throw new GcsError(400, 'invalid', 'Invalid rewrite token.');
    const made = this.objects.insert(decodeURIComponent(to), source.bytes, upload, query.get('ifGenerationMatch'));
    return json({ kind, done: true, resource: this.#describe(made) });
  }

  #read(name: string, { query, headers }: Call): Answer {
    const stored = this.objects.read(name, query.get('generation'));
    if (query.get('alt') !== 'media') return json(this.#describe(stored));
    const { crc32c, md5Hash } = hashesOf(stored.bytes);
    const common = {
      'content-type': stored.contentType,
      'x-goog-generation': stored.generation,
      'x-goog-hash': `crc32c=${crc32c},md5=${md5Hash}`,
      'x-goog-stored-content-encoding': 'identity',
      'x-goog-stored-content-length': String(stored.bytes.length),
    };
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
    if (range === null) return { status: 200, headers: common, body: stored.bytes };
    const size = stored.bytes.length;
    const start = Number(range[1]);
    const end = Math.min(range[2] === '' ? size - 1 : Number(range[2]), size - 1);
    if (start >= size) throw new GcsError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
    const body = stored.bytes.subarray(start, end + 1);
    return { status: 206, headers: { ...common, 'content-range': `bytes ${start}-${end}/${size}` }, body };
  }

  #list(query: URLSearchParams): Answer {
    const asked = Number(query.get('maxResults') ?? MAX_PAGE);
    const limit = Math.min(asked, MAX_PAGE);
    const start = query.get('pageToken') ?? query.get('startOffset') ?? '';
    const found = this.objects.list(query.get('prefix') ?? '', start);
    const items = found.slice(0, limit).map((stored) => this.#describe(stored));
    const next = found[limit];
    return json({
      kind: 'storage#objects',
      ...(items.length > 0 ? { items } : {}),
      ...(next && { nextPageToken: next.name }),
    });
  }

  #describe(stored: StoredObject): object {
    return {
      kind: 'storage#object',
      id: `${this.objects.bucket}/${stored.name}/${stored.generation}`,
      name: stored.name,
      bucket: this.objects.bucket,
      generation: stored.generation,
      timeCreated: stored.timeCreated,
      metageneration: '1',
      contentType: stored.contentType,
      size: String(stored.bytes.length),
      metadata: stored.metadata,
      ...hashesOf(stored.bytes),
    };
  }
}

function json(value: object, status = 200): Answer {
  const body = Buffer.from(JSON.stringify(value));
  return { status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body };
}

function flipByte(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const middle = Math.floor(changed.length / 2);
  if (changed.length > 0) changed.writeUInt8(changed.readUInt8(middle) ^ 1, middle);
  return changed;
}
