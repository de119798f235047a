import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from '../contract/connector.ts';
import type { ControlledCrashPoints } from './crash-points.ts';
import { refuseForeignRequests } from './request-guard.ts';
import { RestError } from './rest-error.ts';
import { pluginRoutes } from './routes/connector-plugins.ts';
import { connectorRoutes } from './routes/connectors.ts';
import { crashPointRoutes } from './routes/crash-points.ts';
import { monitoringRoutes } from './routes/health-and-metrics.ts';
import { offsetRoutes } from './routes/offsets.ts';
import { taskRoutes } from './routes/tasks.ts';
import type { Worker } from './worker.ts';

export interface ServerOptions {
  readonly worker: Worker;
  /** Null: there are no routes for crash points. */
  readonly crashPoints: ControlledCrashPoints | null;
  /** In the answer of `GET /`, like `commit` and `clusterId`. */
  readonly version: string;
  readonly commit: string;
  /** Null while it is not known. */
  readonly clusterId: () => string | null;
  readonly redact: (text: string) => string;
  readonly log: Logger;
  /** The port that requests must name, once the server listens. */
  readonly port: () => number;
  /** Host names that requests may use besides the loopback address. */
  readonly names?: readonly string[];
}

/** A name of 200 characters, each up to four bytes, each byte `%XX`. */
const MAX_NAME_BYTES = 200 * 4 * 3;

/** Kafka Connect's REST API, `/metrics`, `/health`, and the lab's crash points. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { worker, log, redact } = options;
  const app = Fastify({ bodyLimit: 1024 * 1024, routerOptions: { maxParamLength: MAX_NAME_BYTES } });
  refuseForeignRequests(app, options.port, options.names);
  // Clients send `PUT /pause` and others with a JSON content type and an empty body.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : JSON.parse(String(body)));
    } catch {
      done(new RestError(400, 'The request body is not JSON'));
    }
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error instanceof RestError ? error.status : (error.statusCode ?? 500);
    if (status >= 500) log.error('request failed', { method: request.method, url: request.url, error });
    return reply.code(status).send({ error_code: status, message: redact(error.message) });
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );
  app.get('/', () => ({
    version: options.version,
    commit: options.commit,
    kafka_cluster_id: options.clusterId(),
  }));
  connectorRoutes(app, worker);
  taskRoutes(app, worker);
  offsetRoutes(app, worker);
  pluginRoutes(app, worker);
  monitoringRoutes(app, worker);
  if (options.crashPoints !== null) crashPointRoutes(app, options.crashPoints);
  return app;
}
