import type { FastifyInstance } from 'fastify';
import { RestError } from './rest-error.ts';

/**
 * Refuses requests that a page of another site could send from a browser on this machine: the Host header must name
 * this loopback server (against DNS rebinding), and so must the Origin header if there is one.
 * @param port Called at each request, because the port is known only once the server listens.
 * @param names Further host names, accepted with any port: a container does not know its published port.
 */
export function refuseForeignRequests(
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
      throw new RestError(
        403,
        'This server answers only requests to its own address, and the Host header names another',
      );
    }
    if (origin !== undefined && !own.some((address) => origin === `http://${address}`)) {
      throw new RestError(403, 'This server does not answer pages of another origin');
    }
  });
}
