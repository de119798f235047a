import type { FastifyInstance } from 'fastify';
import { RestError } from '../rest-error.ts';
import type { Worker } from '../worker.ts';
import type { Named } from './connectors.ts';

interface NamedTask {
  Params: { name: string; task: string };
}

/** Tasks. A connector has one here unless it is stopped; other workers answer for the tasks that they run. */
export function taskRoutes(app: FastifyInstance, worker: Worker): void {
  app.get<Named>('/connectors/:name/tasks', (request) => {
    const { name, config, plugin } = worker.connector(request.params.name);
    return taskIds(worker, name).map((task) => ({
      id: { connector: name, task },
      config: { ...config, 'task.class': `${plugin.className}Task` },
    }));
  });

  app.get<NamedTask>('/connectors/:name/tasks/:task/status', (request) => {
    const { name, task } = request.params;
    const status = worker
      .connector(name)
      .status()
      .tasks.find(({ id }) => String(id) === task);
    if (status === undefined) throw new RestError(404, `No status found for task ${name}-${task}`);
    return status;
  });

  app.post<NamedTask>('/connectors/:name/tasks/:task/restart', async (request, reply) => {
    const { name, task } = request.params;
    if (!taskIds(worker, name).some((id) => String(id) === task)) {
      throw new RestError(404, `Unknown task: ${name}-${task}`);
    }
    worker.restartTask(name, false);
    return reply.code(204).send();
  });
}

function taskIds(worker: Worker, name: string): number[] {
  return worker
    .connector(name)
    .status()
    .tasks.map(({ id }) => id);
}
