import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A request that went to memcached: `get f/space/`. A multi-get is one of them, with the letters of all its keys: `get xxxx`. */
export type CacheCall = { readonly command: string; readonly keys: readonly string[] };

/** What one process wrote to memcached in one go: one round trip, where it waits for the answer before it goes on. */
export type RoundTrip = readonly CacheCall[];

const HEADER_BYTES = 24;
const GET_QUIETLY = 0x0d;
const NOOP = 0x0a;
const COMMANDS: ReadonlyMap<number, string> = new Map([
  [0x01, 'set'],
  [0x02, 'add'],
  [0x03, 'cas'],
  [0x04, 'delete'],
  [NOOP, 'get'], // ends a multi-get
  [0x0e, 'append'],
]);

/**
 * Stands between one server and memcached, passes everything on, and takes down what is asked. Reads the binary protocol as the server writes it: whole
 * requests, several of them in one write.
 */
export class CacheTap {
  readonly port: number;
  /** Bytes that went through, both ways. */
  readonly bytes: { count: number };
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #trips: RoundTrip[];

  private constructor(
    server: Server,
    port: number,
    sockets: Set<Socket>,
    trips: RoundTrip[],
    bytes: { count: number },
  ) {
    this.bytes = bytes;
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
    this.#trips = trips;
  }

  static async open(memcachedPort: number): Promise<CacheTap> {
    const sockets = new Set<Socket>();
    const trips: RoundTrip[] = [];
    const bytes = { count: 0 };
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port: memcachedPort, host: '127.0.0.1', noDelay: true });
      let rest: Buffer = Buffer.alloc(0);
      near.on('data', (chunk) => {
        far.write(chunk);
        bytes.count += chunk.length;
        const { calls, left } = readCalls(Buffer.concat([rest, chunk]));
        rest = left;
        if (calls.length > 0) trips.push(calls);
      });
      far.on('data', (chunk) => {
        near.write(chunk);
        bytes.count += chunk.length;
      });
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          near.destroy();
          far.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new CacheTap(server, address.port, sockets, trips, bytes);
  }

  /** Everything that was asked since the last call. */
  takenAll(): RoundTrip[] {
    return this.#trips.splice(0);
  }

  /** The same without what goes on in the background: the hints between instances. */
  taken(): RoundTrip[] {
    return this.takenAll()
      .map((trip) => trip.filter(({ keys }) => !keys.every((key) => key[0] === 'p')))
      .filter((trip) => trip.length > 0);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function readCalls(bytes: Buffer): { readonly calls: CacheCall[]; readonly left: Buffer } {
  const calls: CacheCall[] = [];
  let at = 0;
  let quiet: string[] = [];
  while (bytes.length - at >= HEADER_BYTES) {
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 8);
    if (end > bytes.length) break;
    const opcode = bytes[at + 1] ?? 0;
    const keyStart = at + HEADER_BYTES + (bytes[at + 4] ?? 0);
    const key = bytes.toString('latin1', keyStart, keyStart + bytes.readUInt16BE(at + 2));
    at = end;
    if (opcode === GET_QUIETLY) {
      quiet.push(key);
      continue;
    }
    // a noop without gets in front of it only asks whether memcached is there
    if (opcode !== NOOP || quiet.length > 0)
      calls.push({ command: COMMANDS.get(opcode) ?? 'other', keys: opcode === NOOP ? quiet : [key] });
    quiet = [];
  }
  return { calls, left: bytes.subarray(at) };
}
