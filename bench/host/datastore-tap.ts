import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';

/** As Datastore bills them: entities, not requests. A look-up that finds nothing is a read, too, and so is a query that finds nothing. */
export type StoreCounts = { reads: number; writes: number; requests: number };

const FRAME_BYTES = 5;
const LENGTH_DELIMITED = 2;
/** Field numbers of `google.datastore.v1`. */
const LOOKUP_KEYS = 3;
const COMMIT_MUTATIONS = 6;
const QUERY_BATCH = 1;
const BATCH_RESULTS = 2;

/** Stands between servers and the emulator of Datastore, passes every call on, and counts what the service would bill. */
export class DatastoreTap {
  readonly host: string;
  readonly #server: Http2Server;
  readonly #far: ClientHttp2Session;
  readonly #near = new Set<ServerHttp2Session>();
  #counts: StoreCounts = { reads: 0, writes: 0, requests: 0 };

  private constructor(server: Http2Server, far: ClientHttp2Session, port: number) {
    this.#server = server;
    this.#far = far;
    this.host = `127.0.0.1:${port}`;
    server.on('session', (session) => {
      this.#near.add(session);
      session.on('error', () => undefined);
      session.on('close', () => this.#near.delete(session));
    });
    server.on('stream', (stream, headers) => this.#pass(stream, headers));
  }

  static async open(emulator: string): Promise<DatastoreTap> {
    const far = connect(`http://${emulator}`);
    await once(far, 'connect');
    far.on('error', () => undefined);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new DatastoreTap(server, far, address.port);
  }

  /** What was asked since the last call. */
  taken(): StoreCounts {
    const counts = this.#counts;
    this.#counts = { reads: 0, writes: 0, requests: 0 };
    return counts;
  }

  close(): void {
    for (const session of this.#near) session.destroy();
    this.#far.destroy();
    this.#server.close();
  }

  #pass(near: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    const asked: Buffer[] = [];
    const told: Buffer[] = [];
    const { ':authority': _authority, ...rest } = headers;
    const far = this.#far.request(rest);
    near.on('data', (chunk: Buffer) => {
      asked.push(chunk);
      far.write(chunk);
    });
    near.on('end', () => far.end());
    far.on('response', (answer, flags) => {
      if (near.destroyed) return; // given up
      const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      near.respond({ ...answer }, ended ? { endStream: true } : { waitForTrailers: true });
    });
    far.on('data', (chunk: Buffer) => {
      told.push(chunk);
      if (!near.destroyed) near.write(chunk);
    });
    let trailers: IncomingHttpHeaders = {};
    far.on('trailers', (last) => {
      trailers = last;
    });
    near.on('wantTrailers', () => near.sendTrailers({ ...trailers }));
    near.on('close', () => far.close());
    far.on('end', () => {
      this.#count(method, Buffer.concat(asked), Buffer.concat(told));
      if (!near.writableEnded && !near.destroyed) near.end();
    });
    far.on('error', () => near.destroy());
    near.on('error', () => far.destroy());
  }

  #count(method: string, asked: Buffer, told: Buffer): void {
    const counts = countCall(method, asked, told);
    this.#counts.requests++;
    this.#counts.reads += counts.reads;
    this.#counts.writes += counts.writes;
  }
}

/** Entities read and written by one call, from its gRPC messages. */
export function countCall(method: string, asked: Buffer, told: Buffer): Pick<StoreCounts, 'reads' | 'writes'> {
  switch (method) {
    case 'Lookup':
      return { reads: sum(messages(asked), (message) => fields(message, LOOKUP_KEYS).length), writes: 0 };
    case 'Commit':
      return { reads: 0, writes: sum(messages(asked), (message) => fields(message, COMMIT_MUTATIONS).length) };
    case 'RunQuery': {
      const batches = messages(told).flatMap((message) => fields(message, QUERY_BATCH));
      return {
        reads: Math.max(
          1,
          sum(batches, (batch) => fields(batch, BATCH_RESULTS).length),
        ),
        writes: 0,
      };
    }
    default:
      return { reads: 0, writes: 0 };
  }
}

/** gRPC puts five bytes before each message: whether it is compressed, and its length. */
function messages(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + FRAME_BYTES <= bytes.length; ) {
    if (bytes[at] !== 0) throw new Error('a compressed message, which this tap does not read');
    const end = at + FRAME_BYTES + bytes.readUInt32BE(at + 1);
    found.push(bytes.subarray(at + FRAME_BYTES, end));
    at = end;
  }
  return found;
}

/** The values of one field of a protobuf message, where they have a length. */
function fields(message: Buffer, number: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('a message that ends too early');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag & 7;
    if (type === LENGTH_DELIMITED) {
      const length = varint();
      if (tag >> 3 === number) found.push(message.subarray(at, at + length));
      at += length;
    } else if (type === 0) varint();
    else at += type === 1 ? 8 : 4;
  }
  return found;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
