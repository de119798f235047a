/**
 * `pipeline/worker/routes`: the REST API's routes, one file for each kind of resource.
 * In: HTTP requests with Kafka Connect's paths and bodies; `/health`, `/metrics` and `/lab/crash-points` besides
 * them.
 * Out: calls of the worker, and answers in Connect's JSON.
 * Promises: a route keeps no state; an invalid request is answered with 400 and changes nothing.
 */

import type { FastifyInstance } from 'fastify';
import type { ConnectorConfig } from '../../contract/connector.ts';
import type { Target } from '../connector-store.ts';
import type { ManagedConnector } from '../managed-connector.ts';
import { configBody, createBody, parseBody, patchBody } from '../request-bodies.ts';
import { noStatus, RestError } from '../rest-error.ts';
import type { Worker } from '../worker.ts';

/** A route with the name of a connector in its path. */
export interface Named {
  Params: { name: string };
}

const TARGET_OF = { RUNNING: 'STARTED', PAUSED: 'PAUSED', STOPPED: 'STOPPED' } as const;

/** Answer of `GET /connectors/NAME`, in Connect's shape. */
function view(connector: ManagedConnector) {
  const { name, config, plugin } = connector;
  const tasks = connector.status().tasks.map(({ id }) => ({ connector: name, task: id }));
  return { name, config, tasks, type: plugin.type };
}

/** Creating, reading, changing, pausing, resuming, stopping, restarting and removing connectors. */
export function connectorRoutes(app: FastifyInstance, worker: Worker): void {
  app.get<{ Querystring: { expand?: string | string[] } }>('/connectors', (request) => {
    const expand = [request.query.expand ?? []].flat();
    if (expand.length === 0) return worker.names();
    const entries = worker.names().map((name) => {
      const connector = worker.connector(name);
      const parts = {
        ...(expand.includes('status') ? { status: connector.status() } : {}),
        ...(expand.includes('info') ? { info: view(connector) } : {}),
      };
      return [name, parts] as const;
    });
    return Object.fromEntries(entries);
  });

  app.post('/connectors', async (request, reply) => {
    const { name, config, initial_state } = parseBody(createBody, request.body);
    const connector = await worker.create(name, config, TARGET_OF[initial_state ?? 'RUNNING']);
    return reply
      .code(201)
      .header('location', `/connectors/${encodeURIComponent(name)}`)
      .send(view(connector));
  });

  app.get<Named>('/connectors/:name', (request) => view(worker.connector(request.params.name)));
  app.get<Named>('/connectors/:name/config', (request) => worker.connector(request.params.name).config);

  app.put<Named>('/connectors/:name/config', async (request, reply) => {
    const { name } = parseBody(createBody, { name: request.params.name, config: {} });
    const { connector, created } = await worker.configure(name, parseBody(configBody, request.body));
    return reply.code(created ? 201 : 200).send(view(connector));
  });

  app.patch<Named>('/connectors/:name/config', async (request) => {
    const { name } = request.params;
    const changed = new Map(Object.entries(worker.connector(name).config));
    for (const [key, value] of Object.entries(parseBody(patchBody, request.body))) {
      if (value === null) changed.delete(key);
      else changed.set(key, value);
    }
    const config: ConnectorConfig = Object.fromEntries(changed);
    return view((await worker.configure(name, config)).connector);
  });

  app.delete<Named>('/connectors/:name', async (request, reply) => {
    await worker.delete(request.params.name);
    return reply.code(204).send();
  });

  app.get<Named>('/connectors/:name/status', (request) => {
    const { name } = request.params;
    if (!worker.names().includes(name)) throw noStatus(name);
    return worker.connector(name).status();
  });

  const move = (path: string, target: Target, code: number) => {
    app.put<Named>(`/connectors/:name/${path}`, async (request, reply) => {
      await worker.setTarget(request.params.name, target);
      return reply.code(code).send();
    });
  };
  move('pause', 'PAUSED', 202);
  move('resume', 'STARTED', 202);
  move('stop', 'STOPPED', 204);

  app.post<Named & { Querystring: { includeTasks?: string; onlyFailed?: string } }>(
    '/connectors/:name/restart',
    async (request, reply) => {
      const includeTasks = flag('includeTasks', request.query.includeTasks);
      const onlyFailed = flag('onlyFailed', request.query.onlyFailed);
      const connector = worker.connector(request.params.name);
      // KIP-745: without both flags only the connector restarts, not its tasks. Here that is nothing.
      if (!includeTasks && !onlyFailed) return reply.code(204).send();
      if (includeTasks) worker.restartTask(connector.name, onlyFailed);
      return reply.code(202).send(connector.status());
    },
  );
}

function flag(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'false') return false;
  if (value === 'true' || value === '') return true;
  throw new RestError(400, `${name} must be true or false, not '${value}'`);
}
