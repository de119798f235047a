import type { ConfigProblem, ConnectorConfig } from '../contract/connector.ts';

/** Which task of each sink connector a worker process runs, and how many processes run one each. */
export interface TaskShare {
  readonly id: number;
  readonly of: number;
}

export const ALONE: TaskShare = { id: 0, of: 1 };

/**
 * What is wrong with a sink connector's `tasks.max` here: with more tasks than processes nobody would run the rest,
 * and with fewer this process would have none. Empty where it fits, or is no number: that is said elsewhere.
 */
export function taskProblems(config: ConnectorConfig, { id, of }: TaskShare): readonly ConfigProblem[] {
  const key = 'tasks.max';
  const max = Number(config[key] ?? 1);
  if (max > of) {
    const message =
      of === 1
        ? `${key} is ${max}, and this worker runs one task: start further workers of the same sink beside it`
        : `${key} is ${max}, and there are ${of} workers, each of which runs one task`;
    return [{ key, message }];
  }
  if (max > id) return [];
  return [
    { key, message: `${key} is ${max}, and this worker would run task ${id} of ${of}, counted from 0` },
  ];
}
