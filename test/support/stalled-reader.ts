import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Asks for an event stream, and takes nothing after the first bytes of the answer. */
export class StalledReader {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(url: string, path: string): Promise<StalledReader> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await once(socket, 'readable');
    return new StalledReader(socket);
  }

  close(): void {
    this.#socket.destroy();
  }
}
