import type { FastifyInstance } from 'fastify';
import { offsetsBody, parseBody } from '../request-bodies.ts';
import type { Worker } from '../worker.ts';
import type { Named } from './connectors.ts';

/** Offsets (KIP-875) and topics (KIP-558) of a connector. */
export function offsetRoutes(app: FastifyInstance, worker: Worker): void {
  app.get<Named>('/connectors/:name/offsets', async (request) => ({
    offsets: await worker.offsets(request.params.name),
  }));

  app.patch<Named>('/connectors/:name/offsets', async (request) => {
    await worker.alterOffsets(request.params.name, parseBody(offsetsBody, request.body).offsets);
    return { message: 'The offsets for this connector have been altered successfully' };
  });

  app.delete<Named>('/connectors/:name/offsets', async (request) => {
    await worker.alterOffsets(request.params.name, null);
    return { message: 'The offsets for this connector have been reset successfully' };
  });

  app.get<Named>('/connectors/:name/topics', (request) => {
    const { name, config, plugin } = worker.connector(request.params.name);
    const seen = worker.metrics.tables(name);
    return {
      [name]: { topics: plugin.type === 'source' ? sourceTopics(config, seen) : sinkTopics(config, seen) },
    };
  });
}

/** Topics that a source has written to: `PREFIX.SCHEMA.TABLE` of each table in its metrics. */
function sourceTopics(config: Readonly<Record<string, string>>, tables: readonly string[]): string[] {
  const prefix = config['topic.prefix'] ?? '';
  return tables.map((table) => (table.startsWith(`${prefix}.`) ? table : `${prefix}.${table}`));
}

/** Topics that a sink has read from. Its metrics are by topic, or by the table with which the topic's name ends. */
function sinkTopics(config: Readonly<Record<string, string>>, seen: readonly string[]): string[] {
  const configured = (config.topics ?? '').split(',').map((topic) => topic.trim());
  return seen.map(
    (table) => configured.find((topic) => topic === table || topic.endsWith(`.${table}`)) ?? table,
  );
}
