import type { ConfigProblem, ConnectorConfig } from '../contract/connector.ts';

/** Which task of each sink connector a worker process runs, and how many processes run one each. */
export interface TaskShare {
  readonly id: number;
  readonly of: number;
}

/** The share of a worker that runs the only task. */
export const ALONE: TaskShare = { id: 0, of: 1 };

/**
 * What is wrong with a sink connector's `tasks.max` for this worker. With more tasks than workers no worker would run
 * the rest, and with fewer this worker might have none. Empty if it fits, or if it is not a number, which the
 * connector class reports.
 */
export function taskProblems(config: ConnectorConfig, { id, of }: TaskShare): readonly ConfigProblem[] {
  const key = 'tasks.max';
  const max = Number(config[key] ?? 1);
  if (max > of) {
    const message =
      of === 1
        ? `${key} is ${max}, but this worker runs one task: start further workers for the same sink`
        : `${key} is ${max}, but there are only ${of} workers, and each runs one task`;
    return [{ key, message }];
  }
  if (max > id) return [];
  return [
    {
      key,
      message: `${key} is ${max}, so there is no task for this worker, which runs number ${id} (from 0) of ${of}`,
    },
  ];
}
