import type { ConnectorState } from '../contract/connector.ts';
import { unreachable } from '../contract/unreachable.ts';
import type { Target } from './connector-store.ts';

/** What a connector's task is doing. */
export type Phase =
  | 'idle'
  | 'starting'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'resuming'
  | 'stopping'
  | 'failed';

/** What the connector should be doing. */
export interface Wish {
  readonly target: Target;
  /** The task should be stopped and started again: its configuration has changed, or a restart was requested. */
  readonly restart: boolean;
}

/** The action that brings a connector nearer to its {@link Wish}; `rest` if there is nothing to do. */
export type Step = 'start' | 'pause' | 'resume' | 'stop' | 'clear' | 'rest';

/**
 * The life cycle of a connector, as in Kafka Connect. A failed task stays failed until it is restarted or its
 * configuration changes. Pausing and resuming do not affect it; stopping clears it.
 */
export function nextStep(phase: Phase, wish: Wish): Step {
  switch (phase) {
    case 'idle':
      return wish.target === 'STARTED' ? 'start' : 'rest';
    case 'running':
      if (wish.restart || wish.target === 'STOPPED') return 'stop';
      return wish.target === 'PAUSED' ? 'pause' : 'rest';
    case 'paused':
      if (wish.restart || wish.target === 'STOPPED') return 'stop';
      return wish.target === 'STARTED' ? 'resume' : 'rest';
    case 'failed':
      return wish.restart || wish.target === 'STOPPED' ? 'clear' : 'rest';
    case 'starting':
    case 'pausing':
    case 'resuming':
    case 'stopping':
      // A step is in progress. The next one is decided when it ends.
      return 'rest';
    default:
      return unreachable(phase, 'phase');
  }
}

/**
 * The state of the task in the connector's status; null if there is no task, because the connector is stopped.
 * @param restarting A stop is in progress after which the task starts again.
 */
export function taskState(phase: Phase, target: Target, restarting: boolean): ConnectorState | null {
  switch (phase) {
    case 'idle':
      if (target === 'STOPPED') return null;
      return target === 'PAUSED' ? 'PAUSED' : 'UNASSIGNED';
    case 'starting':
      return 'UNASSIGNED';
    case 'stopping':
      return restarting ? 'RESTARTING' : 'UNASSIGNED';
    case 'running':
    case 'pausing':
      return 'RUNNING';
    case 'paused':
    case 'resuming':
      return 'PAUSED';
    case 'failed':
      return 'FAILED';
    default:
      return unreachable(phase, 'phase');
  }
}
