import { connect, type Socket } from 'node:net';

const HEADERS_END = Buffer.from('\r\n\r\n');
const LENGTH = Buffer.from('Content-Length: ');
const ZERO = 0x30;
const CR = 0x0d;
/** All sockets read into this: an answer is used up before the next one is read. */
const INBOX = Buffer.allocUnsafe(256 * 1024);

/** `bytes` from `start` is the body; it is overwritten as soon as the call returns. */
export type OnAnswer = (body: Buffer) => void;

/**
 * One keep-alive connection that takes answers to requests sent one after another, at the least cost for the process that makes the load. Understands
 * what our own servers send: status 200 and a `Content-Length`. Anything else ends the run, but for a 503 where somebody wants to know of it.
 */
export class Connection {
  onAnswer: OnAnswer;
  onRefused: (() => void) | undefined;
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #closing = false;

  private constructor(socket: Socket, onAnswer: OnAnswer) {
    this.#socket = socket;
    this.onAnswer = onAnswer;
  }

  static open(port: number, onAnswer: OnAnswer = () => undefined): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const callback = (count: number): boolean => {
        connection?.take(INBOX.subarray(0, count));
        return true;
      };
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer: INBOX, callback } });
      connection = new Connection(socket, onAnswer);
      socket.once('error', reject);
      socket.once('connect', () => resolve(connection as Connection));
      socket.once('close', () => connection?.lost());
    });
  }

  /** Bytes so far, headers included. */
  get received(): number {
    return this.#socket.bytesRead;
  }

  get sent(): number {
    return this.#socket.bytesWritten;
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  /** The answer's body as text. For what is not measured. */
  ask(request: Buffer): Promise<string> {
    return new Promise((resolve) => {
      this.onAnswer = (body) => resolve(body.toString());
      this.send(request);
    });
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  lost(): void {
    if (!this.#closing) throw new Error('the server closed a connection');
  }

  take(received: Buffer): void {
    let chunk = this.#rest === undefined ? received : Buffer.concat([this.#rest, received]);
    this.#rest = undefined;
    while (chunk.length > 0) {
      const end = chunk.indexOf(HEADERS_END);
      const refused = this.onRefused !== undefined && chunk[9] === ZERO + 5;
      const total = end < 0 ? Number.POSITIVE_INFINITY : end + 4 + bodyLength(chunk, end, refused);
      if (chunk.length < total) {
        this.#rest = Buffer.from(chunk);
        return;
      }
      if (refused) this.onRefused?.();
      else this.onAnswer(chunk.subarray(end + 4, total));
      chunk = chunk.subarray(total);
    }
  }
}

function bodyLength(chunk: Buffer, end: number, refused: boolean): number {
  const at = chunk.indexOf(LENGTH);
  // `HTTP/1.1 200`: the status begins at 9
  if ((chunk[9] !== ZERO + 2 && !refused) || at < 0 || at > end) {
    throw new Error(`an answer that was not expected:\n${chunk.toString('latin1', 0, 600)}`);
  }
  let length = 0;
  for (let i = at + LENGTH.length; chunk[i] !== CR; i++) length = length * 10 + (chunk[i] ?? 0) - ZERO;
  return length;
}
