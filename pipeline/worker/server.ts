import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from '../contract/connector.ts';
import type { ControlledCrashPoints } from './crash-points.ts';
import { RestError } from './errors.ts';
import { refuseStrangers } from './guard.ts';
import { connectorRoutes } from './routes/connectors.ts';
import { crashPointRoutes } from './routes/crash-points.ts';
import { observeRoutes } from './routes/observe.ts';
import { offsetRoutes } from './routes/offsets.ts';
import { pluginRoutes } from './routes/plugins.ts';
import { taskRoutes } from './routes/tasks.ts';
import type { Worker } from './worker.ts';

export interface ServerOptions {
  readonly worker: Worker;
  /** Null: the routes are not there. */
  readonly crashPoints: ControlledCrashPoints | null;
  /** Of `GET /`. */
  readonly version: string;
  readonly commit: string;
  readonly clusterId: () => string | null;
  readonly redact: (text: string) => string;
  readonly log: Logger;
  readonly port: () => number;
  /** Host names that it answers to beside its loopback address. */
  readonly names?: readonly string[];
}

/** Kafka Connect's REST API, `/metrics`, `/health`, and the lab's crash points. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { worker, log, redact } = options;
  const app = Fastify({ bodyLimit: 1024 * 1024, routerOptions: { maxParamLength: 600 } });
  refuseStrangers(app, options.port, options.names);
  // `PUT /pause` and others come with a JSON content type and nothing in the body.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : JSON.parse(String(body)));
    } catch {
      done(new RestError(400, 'The request body is no JSON'));
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
  observeRoutes(app, worker);
  if (options.crashPoints !== null) crashPointRoutes(app, options.crashPoints);
  return app;
}
