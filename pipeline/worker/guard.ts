import type { FastifyInstance } from 'fastify';
import { RestError } from './errors.ts';

/**
 * Refuses what a browser on another site could send here: a Host that is not this loopback server (DNS rebinding), an
 * Origin that is not it either. `port` is asked at each request: it is known only once the server listens.
 * `names` are answered to whatever the port: a container does not know which port of its host stands for its own.
 */
export function refuseStrangers(
  app: FastifyInstance,
  port: () => number,
  names: readonly string[] = [],
): void {
  app.addHook('onRequest', async (request) => {
    const own = [`127.0.0.1:${port()}`, `localhost:${port()}`];
    const host = request.headers.host?.toLowerCase();
    const origin = request.headers.origin?.toLowerCase();
    if (host !== undefined && names.includes(host.replace(/:\d+$/, ''))) own.push(host);
    if (host === undefined || !own.includes(host)) {
      throw new RestError(403, 'This server answers only to its own address: the Host header names another');
    }
    if (origin !== undefined && !own.some((address) => origin === `http://${address}`)) {
      throw new RestError(403, 'This server answers no page of another origin');
    }
  });
}
