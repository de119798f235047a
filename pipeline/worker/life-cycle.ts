import { unreachable } from '../contract/unreachable.ts';
import type { Target } from './store.ts';

/** Where a connector's task is. Only one of these carries a task: see {@link ManagedConnector}. */
export type Phase =
  | 'idle'
  | 'starting'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'resuming'
  | 'stopping'
  | 'failed';

export interface Wish {
  readonly target: Target;
  /** The task is to be stopped and started anew: new configuration, or a restart asked for. */
  readonly restart: boolean;
}

/** What brings a phase at rest nearer to what is wished; `rest` where nothing is to be done. */
export type Step = 'start' | 'pause' | 'resume' | 'stop' | 'clear' | 'rest';

/**
 * The life cycle of a connector, as Kafka Connect has it: a failed task stays failed until somebody restarts it or
 * changes its configuration; pause and resume leave it alone; a stop releases it.
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
      // On the way: whoever is at it looks again when it is done.
      return 'rest';
    default:
      return unreachable(phase, 'phase');
  }
}
