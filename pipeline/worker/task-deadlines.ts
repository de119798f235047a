import type { Task } from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';

/** A start that can be given up while it is under way. */
export class PendingStart {
  readonly #starting: Promise<Task>;
  readonly #deadlineMs: number;
  readonly #late = Promise.withResolvers<'late'>();
  #timer: NodeJS.Timeout | undefined;

  /** @param deadlineMs How long {@link task} still waits after {@link giveUp}. */
  constructor(starting: Promise<Task>, deadlineMs: number) {
    this.#starting = starting;
    this.#deadlineMs = deadlineMs;
  }

  /** Waits for the start no longer than the deadline from now on. */
  giveUp(): void {
    this.#timer ??= setTimeout(() => this.#late.resolve('late'), this.#deadlineMs);
  }

  /**
   * The task, as soon as it has started.
   * @param onLateTask Called with a task that starts after it was given up.
   * @param onLateError Called if the start fails after it was given up.
   * @throws LabError CDC-3005 if the start was given up and the deadline has passed.
   */
  async task(onLateTask: (task: Task) => void, onLateError: (error: unknown) => void): Promise<Task> {
    try {
      const task = await Promise.race([this.#starting, this.#late.promise]);
      if (task !== 'late') return task;
    } finally {
      clearTimeout(this.#timer);
    }
    this.#starting.then(onLateTask, onLateError);
    throw new LabError(
      'CDC-3005',
      `The task was still starting ${this.#deadlineMs} ms after it was told to stop.`,
      {
        remedy: 'The log says what it waits for.',
      },
    );
  }
}

/** Stops a task. @throws LabError CDC-3004 if it has not stopped within the deadline. */
export async function stopWithin(deadlineMs: number, task: Task): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), deadlineMs);
  try {
    if ((await Promise.race([task.stop(), late.promise])) !== 'late') return;
  } finally {
    clearTimeout(timer);
  }
  throw new LabError('CDC-3004', `The task did not stop within ${deadlineMs} ms.`, {
    remedy: 'It may still hold its slot or its group membership: restart the worker.',
  });
}
