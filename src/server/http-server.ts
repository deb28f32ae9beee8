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

/** `times`: for tests, which cannot wait as long. Without `sockets` no upgrade is granted. */
export function createHttpServer(
  listener: RequestListener,
  times: Partial<ServerOptions> = {},
  sockets?: Pick<Sockets, 'wants' | 'upgrade'>,
): Server {
  const shouldUpgradeCallback = sockets?.wants ?? (() => false);
  const server = createServer({ ...HTTP_OPTIONS, ...times, shouldUpgradeCallback }, listener);
  if (sockets !== undefined) server.on('upgrade', sockets.upgrade);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

/** Rejects where it cannot listen. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  server.listen(port, host);
  await once(server, 'listening'); // rejects on 'error'
  return server.address() as AddressInfo;
}
