import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Sockets } from '../api/socket.ts';

const MAX_CONNECTIONS = 50_000;

/**
 * Times of the HTTP server, ms. A load balancer in front keeps its connections for 600 s and must never find one closed
 * that it is about to use; `requestTimeout` counts receiving only, so it does not cut a parked poll.
 */
export const HTTP_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 620_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
} as const satisfies ServerOptions;

/** A client that takes nothing of what it was sent for so long is cut, ms. */
const STALL_MS = 30_000;

/** `times`: for tests, which cannot wait as long. Without `sockets` no upgrade is granted. */
export function createHttpServer(
  listener: RequestListener,
  { stallMs = STALL_MS, ...times }: Partial<ServerOptions> & { readonly stallMs?: number } = {},
  sockets?: Pick<Sockets, 'wants' | 'upgrade'>,
): Server {
  const shouldUpgradeCallback = sockets?.wants ?? (() => false);
  const server = createServer({ ...HTTP_OPTIONS, ...times, shouldUpgradeCallback }, listener);
  if (sockets !== undefined) server.on('upgrade', sockets.upgrade);
  server.maxConnections = MAX_CONNECTIONS;
  // Told of connections on which nothing moved for so long: those that are owed something have stopped taking it, others wait for an answer. One that was kept for
  // another request has a time of its own.
  server.setTimeout(stallMs, (socket) => {
    if (socket.writableLength > 0 || socket.timeout !== stallMs) socket.destroy();
  });
  return server;
}

/** Rejects where it cannot listen. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  server.listen(port, host);
  await once(server, 'listening'); // rejects on 'error'
  return server.address() as AddressInfo;
}
