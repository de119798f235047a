import { z } from 'zod';

/** The answers of Kafka Connect's REST API. Fields that a newer Connect adds are ignored. */
export const rootAnswer = z.object({
  version: z.string(),
  commit: z.string(),
  kafka_cluster_id: z.string().nullable(),
});

const state = z.enum(['UNASSIGNED', 'RUNNING', 'PAUSED', 'STOPPED', 'FAILED', 'RESTARTING', 'DESTROYED']);
export type State = z.infer<typeof state>;

const taskStatus = z.object({
  id: z.int(),
  state,
  worker_id: z.string(),
  trace: z.string().optional(),
});
export const statusAnswer = z.object({
  name: z.string(),
  connector: z.object({ state, worker_id: z.string(), trace: z.string().optional() }),
  tasks: z.array(taskStatus),
  type: z.enum(['source', 'sink', 'unknown']),
});
export type StatusAnswer = z.infer<typeof statusAnswer>;

export const configAnswer = z.record(z.string(), z.string());
export const infoAnswer = z.object({
  name: z.string(),
  config: configAnswer,
  tasks: z.array(z.object({ connector: z.string(), task: z.int() })),
  type: z.enum(['source', 'sink', 'unknown']),
});
export type InfoAnswer = z.infer<typeof infoAnswer>;

export const namesAnswer = z.array(z.string());
export const expandedAnswer = z.record(z.string(), z.object({ status: statusAnswer, info: infoAnswer }));
export const topicsAnswer = z.record(z.string(), z.object({ topics: z.array(z.string()) }));

const offset = z.object({
  partition: z.record(z.string(), z.unknown()),
  offset: z.record(z.string(), z.unknown()).nullable(),
});
export type OffsetAnswer = z.infer<typeof offset>;
export const offsetsAnswer = z.object({ offsets: z.array(offset) });

export const pluginsAnswer = z.array(
  z.object({ class: z.string(), type: z.string(), version: z.string().nullish() }),
);
export const keysAnswer = z.array(z.object({ name: z.string(), default_value: z.string().nullish() }));
export const validationAnswer = z.object({
  name: z.string(),
  error_count: z.int(),
  configs: z.array(
    z.object({
      value: z.object({ name: z.string(), value: z.string().nullable(), errors: z.array(z.string()) }),
    }),
  ),
});
export const errorAnswer = z.object({ error_code: z.int(), message: z.string() });
