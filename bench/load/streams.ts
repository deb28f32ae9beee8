import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** How an observer is told. */
export type StreamKind = 'events' | 'socket';

const MARK = Buffer.from('"mark":"');
const DIGITS = 10;
/** The mark without its digit for the writer. */
const COUNT_DIGITS = 9;
const INBOX = Buffer.allocUnsafe(256 * 1024);
const HEADERS_END = '\r\n\r\n';

/** The request that opens a stream from `marker` on; over WebSocket, the message that begins the watch goes with it. */
function opening(kind: StreamKind, space: string, marker: string): Buffer {
  const path = `/v1/spaces/${space}`;
  if (kind === 'events') {
    return Buffer.from(`GET ${path}/updates/stream?marker=${marker} HTTP/1.1\r\nHost: 127.0.0.1${HEADERS_END}`);
  }
  const key = createHash('md5').update(randomBytes(16)).digest('base64');
  const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
  const head = `GET ${path}/socket HTTP/1.1\r\nHost: 127.0.0.1\r\n${upgrade}${HEADERS_END}`;
  return Buffer.concat([Buffer.from(head), maskedText(JSON.stringify({ type: 'watch', id: 1, marker }))]);
}

/** RFC 6455: what a client sends is masked. All zeros is a mask, too. */
function maskedText(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.from([0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/**
 * One observer that is told by a stream. It looks for the marks of updates and for nothing else, at the least cost for the process that makes the
 * load; a mark that comes in two pieces is put together.
 */
export class StreamObserver {
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #opened = false;
  #closing = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Settles when the server has answered the opening. `onCount`: the number of an update that arrived. */
  static open(
    port: number,
    asked: { readonly kind: StreamKind; readonly space: string; readonly marker: string },
    onCount: (count: number) => void,
  ): Promise<StreamObserver> {
    return new Promise((resolve, reject) => {
      let observer: StreamObserver | undefined;
      const callback = (count: number): boolean => {
        if (observer?.take(INBOX.subarray(0, count), onCount)) resolve(observer);
        return true;
      };
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer: INBOX, callback } });
      observer = new StreamObserver(socket);
      socket.once('error', reject);
      socket.once('close', () => observer?.lost());
      socket.write(opening(asked.kind, asked.space, asked.marker));
    });
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  lost(): void {
    if (!this.#closing) throw new Error('the server closed a stream');
  }

  /** `true` for the first that came: the head. */
  take(received: Buffer, onCount: (count: number) => void): boolean {
    const first = !this.#opened;
    this.#opened = true;
    if (first && !/^HTTP\/1\.1 (200|101) /.test(received.toString('latin1', 0, 13))) {
      throw new Error(`an answer that was not expected:\n${received.toString('latin1', 0, 600)}`);
    }
    const chunk = this.#rest === undefined ? received : Buffer.concat([this.#rest, received]);
    let from = 0;
    for (let at = chunk.indexOf(MARK); at >= 0; at = chunk.indexOf(MARK, from)) {
      const end = at + MARK.length + DIGITS;
      if (end > chunk.length) break;
      onCount(Number(chunk.toString('latin1', end - COUNT_DIGITS, end)));
      from = end;
    }
    const kept = Math.max(from, chunk.length - MARK.length - DIGITS);
    this.#rest = kept < chunk.length ? Buffer.from(chunk.subarray(kept)) : undefined;
    return first;
  }
}
