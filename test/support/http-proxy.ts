import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export type HttpProxyRules = {
  /** What a request to upgrade is answered; absent: it is passed on. */
  readonly upgrade?: 400 | 426 | 502;
  /** Answers are kept until they are whole. */
  readonly buffers?: boolean;
  /** Whoever has waited so long for an answer is told 504, ms. */
  readonly patienceMs?: number;
};

/** An HTTP proxy on 127.0.0.1, of the kinds that stand in offices and before servers. */
export class HttpProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #rules: HttpProxyRules;
  readonly #sockets = new Set<Socket>();
  /** URLs that were asked for, with those of upgrades. */
  readonly urls: string[] = [];

  private constructor(target: number, rules: HttpProxyRules) {
    this.#target = target;
    this.#rules = rules;
    this.#server = createServer((req, res) => this.#pass(req, res));
    this.#server.on('upgrade', (req, socket, head) => this.#upgrade(req, socket, head));
    this.#server.on('connection', (socket) => this.#keep(socket));
  }

  static async start(target: number, rules: HttpProxyRules): Promise<HttpProxy> {
    const proxy = new HttpProxy(target, rules);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    this.urls.push(req.url ?? '');
    const { method, url: path, headers } = req;
    const onward = request({ host: '127.0.0.1', port: this.#target, method, path, headers, agent: false });
    const { patienceMs, buffers } = this.#rules;
    const late = patienceMs && setTimeout(() => res.writeHead(504).end(), patienceMs);
    res.once('close', () => {
      clearTimeout(late || undefined);
      onward.destroy();
    });
    onward.on('error', () => res.destroy());
    onward.on('response', async (answer) => {
      clearTimeout(late || undefined);
      if (!buffers) {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => undefined);
      answer.once('end', () => {
        if (!res.headersSent) res.writeHead(answer.statusCode ?? 502, answer.headers);
        res.end(Buffer.concat(chunks));
      });
    });
    req.pipe(onward);
  }

  #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.urls.push(req.url ?? '');
    const { upgrade } = this.#rules;
    if (upgrade !== undefined) {
      socket.end(`HTTP/1.1 ${upgrade} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    const onward = connect(this.#target, '127.0.0.1');
    this.#keep(onward);
    const pairs = req.rawHeaders.map((text, i) => (i % 2 ? `${text}\r\n` : `${text}: `));
    onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${pairs.join('')}\r\n`);
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  }
}
