import type { FastifyInstance } from 'fastify';
import type { Worker } from '../worker.ts';

/** `/health` (200 while ok or degraded, 503 once something has failed) and `/metrics` (Prometheus). */
export function monitoringRoutes(app: FastifyInstance, worker: Worker): void {
  app.get('/health', (_request, reply) => {
    const health = worker.health();
    return reply.code(health.status === 'failed' ? 503 : 200).send(health);
  });

  app.get('/metrics', async (_request, reply) => {
    const states = new Map(worker.statuses().map(({ name, tasks }) => [name, tasks[0]?.state ?? 'STOPPED']));
    const text = await worker.metrics.text(states, worker.health().components);
    return reply.header('content-type', worker.metrics.contentType).send(text);
  });
}
