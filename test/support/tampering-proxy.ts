import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type Asked = { readonly method: string; readonly path: string; readonly body: string };
export type Reply = { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer };
/** `pass` asks the server, with this or with something else, as often as one likes. */
export type Tamper = (asked: Asked, pass: (asked: Asked) => Promise<Reply>) => Promise<Reply>;

/** Not to be copied from answer to answer: they are about the bytes on the way. */
const OF_THE_WAY = /^(connection|keep-alive|transfer-encoding|content-encoding|content-length)$/;

/** Stands before a server and lies: requests and answers go through `tamper`. Streams do not get through; polls and posts do. */
export class TamperingProxy {
  readonly #server: Server;
  readonly #target: string;
  readonly #tamper: Tamper;

  private constructor(target: string, tamper: Tamper) {
    this.#target = target;
    this.#tamper = tamper;
    this.#server = createServer((req, res) => {
      this.#answer(req, res).catch(() => res.destroy());
    });
  }

  static async start(target: string, tamper: Tamper): Promise<TamperingProxy> {
    const proxy = new TamperingProxy(target, tamper);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = { method: req.method ?? 'GET', path: req.url ?? '/', body: (await buffer(req)).toString() };
    if (/\/updates\/stream|\/socket/.test(asked.path)) {
      res.writeHead(502).end();
      return;
    }
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    const pass = async ({ method, path, body }: Asked): Promise<Reply> => {
      const headers = { 'Content-Type': 'application/json' };
      const sent = { method, headers, signal: gone.signal, ...(body !== '' && { body }) };
      const reply = await fetch(`${this.#target}${path}`, sent);
      const told = [...reply.headers].filter(([name]) => !OF_THE_WAY.test(name));
      const bytes = Buffer.from(await reply.arrayBuffer());
      return { status: reply.status, headers: Object.fromEntries(told), body: bytes };
    };
    const { status, headers, body } = await this.#tamper(asked, pass);
    res.writeHead(status, headers).end(body);
  }
}

export function jsonReply(value: unknown): Reply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) };
}
