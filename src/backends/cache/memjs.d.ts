/** The part of memjs 1.3.2 that is used here; the package has no types of its own. */
declare module 'memjs' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  /** Times in seconds. */
  export type ServerOptions = { timeout?: number; conntimeout?: number; keepAlive?: boolean; keepAliveDelay?: number };

  export class Server extends EventEmitter {
    username: string | undefined;
    password: string | undefined;
    connected: boolean;
    responseBuffer: Buffer;
    /** Private by name. */
    _socket: Socket | undefined;

    constructor(host: string, port: number, username?: string, password?: string, options?: ServerOptions);

    /** Calls `go` once connected and authenticated; connects when there is no socket. */
    sock(sasl: boolean, go: (socket: Socket) => void): void;
    responseHandler(chunk: Buffer): void;
    error(error: unknown): void;
  }
}
