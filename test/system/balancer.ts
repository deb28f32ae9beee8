import type { Cluster } from './cluster.ts';

/** Addresses change when a server is started again; a load balancer would keep one. */
export class Balancer {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  readonly fetch: typeof fetch = (input, init) => {
    const [server] = this.#cluster.alive;
    if (server === undefined) return Promise.reject(new TypeError('nobody is there'));
    return fetch(String(input).replace('http://balancer', server.url), init);
  };
}
