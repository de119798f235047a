import type {
  ComponentHealth,
  ConnectorConfig,
  ConnectorPlugin,
  ConnectorState,
  ConnectorStatus,
  Logger,
  Task,
  TaskContext,
} from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { unreachable } from '../contract/unreachable.ts';
import { nextStep, type Phase, type Step } from './life-cycle.ts';
import { traceOf } from './log.ts';
import type { Secrets } from './secrets.ts';
import type { Target } from './store.ts';

export interface ManagedConnectorOptions {
  readonly name: string;
  readonly plugin: ConnectorPlugin;
  readonly config: ConnectorConfig;
  readonly target: Target;
  readonly context: TaskContext;
  readonly secrets: Secrets;
  readonly log: Logger;
  /** How long a task may take to stop before it is given up. */
  readonly stopDeadlineMs: number;
}

/**
 * One connector and its task. Wishes (target, restart, configuration) are noted at once and carried out one after the
 * other; `status` says how far that has come.
 */
export class ManagedConnector {
  readonly name: string;
  readonly plugin: ConnectorPlugin;
  readonly #options: ManagedConnectorOptions;
  #config: ConnectorConfig;
  #target: Target;
  #closing = false;
  #restart = false;
  /** True from the moment a restart is under way until the task is gone. */
  #restarting = false;
  #phase: Phase = 'idle';
  #task: Task | null = null;
  #trace: string | null = null;
  #settling: Promise<void> | null = null;
  /** A failed task on its way out. */
  #leaving: Promise<void> = Promise.resolve();
  /** Ends the wait for a start that is no longer wanted. */
  #giveUp: (() => void) | null = null;

  constructor(options: ManagedConnectorOptions) {
    this.#options = options;
    this.name = options.name;
    this.plugin = options.plugin;
    this.#config = options.config;
    this.#target = options.target;
  }

  /** As it was given, placeholders and all. */
  get config(): ConnectorConfig {
    return this.#config;
  }
  get target(): Target {
    return this.#target;
  }
  get failed(): boolean {
    return this.#phase === 'failed';
  }
  /** No task, and none wished for. */
  get stopped(): boolean {
    return this.#phase === 'idle' && this.#target === 'STOPPED';
  }

  /** Stops the task for the end of the worker; the target is not touched. */
  close(): Promise<void> {
    this.#closing = true;
    this.#giveUp?.();
    return this.settle();
  }

  setTarget(target: Target): Promise<void> {
    this.#target = target;
    if (target === 'STOPPED') this.#giveUp?.();
    return this.settle();
  }

  /** Stops the task if there is one and starts it anew, failed or not, as far as the target allows. */
  restart(): Promise<void> {
    this.#restart = this.#phase !== 'idle';
    this.#giveUp?.();
    return this.settle();
  }

  configure(config: ConnectorConfig): Promise<void> {
    this.#config = config;
    return this.restart();
  }

  /** Carries out what is wished. Resolves when nothing is left to be done; never rejects. */
  settle(): Promise<void> {
    if (this.#settling === null && this.#nextStep() === 'rest') return Promise.resolve();
    this.#settling ??= this.#carryOut();
    return this.#settling;
  }

  status(): ConnectorStatus {
    const worker_id = this.#options.context.workerId;
    const state = this.#taskState();
    const connectorState = this.#target === 'STARTED' ? 'RUNNING' : this.#target;
    const trace = this.#trace === null ? {} : { trace: this.#options.secrets.redact(this.#trace) };
    return {
      name: this.name,
      // STOPPED is said when it is true: until then the task is there.
      connector: {
        state: connectorState === 'STOPPED' && state !== null ? 'RUNNING' : connectorState,
        worker_id,
      },
      tasks:
        state === null
          ? []
          : [
              {
                id: this.#options.context.taskId ?? 0,
                state,
                worker_id,
                ...(state === 'FAILED' ? trace : {}),
              },
            ],
      type: this.plugin.type,
    };
  }

  health(): readonly ComponentHealth[] {
    if (this.#phase === 'failed') {
      const detail = this.#options.secrets.redact(this.#trace ?? 'failed').split('\n')[0] ?? 'failed';
      return [{ component: 'task', health: 'failed', detail }];
    }
    const own: ComponentHealth = { component: 'task', health: 'ok', detail: this.#phase };
    return [own, ...(this.#task?.health() ?? [])];
  }

  #taskState(): ConnectorState | null {
    switch (this.#phase) {
      case 'idle':
        if (this.#target === 'STOPPED') return null;
        return this.#target === 'PAUSED' ? 'PAUSED' : 'UNASSIGNED';
      case 'starting':
        return 'UNASSIGNED';
      case 'stopping':
        return this.#restarting ? 'RESTARTING' : 'UNASSIGNED';
      case 'running':
      case 'pausing':
        return 'RUNNING';
      case 'paused':
      case 'resuming':
        return 'PAUSED';
      case 'failed':
        return 'FAILED';
      default:
        return unreachable(this.#phase, 'phase');
    }
  }

  #nextStep(): Step {
    const target = this.#closing ? 'STOPPED' : this.#target;
    return nextStep(this.#phase, { target, restart: this.#restart });
  }

  async #carryOut(): Promise<void> {
    for (let step = this.#nextStep(); step !== 'rest'; step = this.#nextStep()) {
      this.#options.log.debug(`task: ${step}`, { from: this.#phase, target: this.#target });
      try {
        await this.#take(step);
      } catch (error) {
        this.#fail(error);
      }
    }
    // In the same turn as the last look at what is wished: a wish that comes now begins anew.
    this.#settling = null;
  }

  async #take(step: Exclude<Step, 'rest'>): Promise<void> {
    switch (step) {
      case 'start':
        this.#phase = 'starting';
        return await this.#start();
      case 'pause':
        this.#phase = 'pausing';
        await this.#task?.pause();
        this.#arrive('pausing', 'paused');
        return;
      case 'resume':
        this.#phase = 'resuming';
        await this.#task?.resume();
        this.#arrive('resuming', 'running');
        return;
      case 'stop':
      case 'clear': {
        this.#phase = 'stopping';
        this.#restarting = this.#restart;
        this.#restart = false;
        const task = this.#task;
        this.#task = null;
        await this.#leaving;
        await this.#stop(task);
        this.#restarting = false;
        this.#trace = null;
        this.#phase = 'idle';
        return;
      }
      default:
        return unreachable(step, 'step');
    }
  }

  async #start(): Promise<void> {
    const { plugin } = this;
    const { config, problems } = this.#options.secrets.resolve(this.#config);
    const all = [...problems, ...plugin.validate(config)];
    if (all.length > 0) {
      throw new LabError('CDC-3003', all.map(({ message }) => message).join('; '), {
        remedy: 'Correct the configuration, or set what it refers to, and restart the connector.',
      });
    }
    const task = await this.#unlessGivenUp(plugin.start(config, this.#options.context));
    this.#task = task;
    task.done.then(
      () => this.#ended(task, new Error('The task ended by itself.')),
      (error: unknown) => this.#ended(task, error),
    );
    this.#arrive('starting', 'running');
    this.#options.log.info('task is running');
  }

  /** Waits for a start; once it is no longer wanted, only until the deadline for a stop is over. */
  async #unlessGivenUp(starting: Promise<Task>): Promise<Task> {
    const { stopDeadlineMs } = this.#options;
    const late = Promise.withResolvers<'late'>();
    let timer: NodeJS.Timeout | undefined;
    this.#giveUp = () => {
      timer ??= setTimeout(() => late.resolve('late'), stopDeadlineMs);
    };
    try {
      const task = await Promise.race([starting, late.promise]);
      if (task !== 'late') return task;
    } finally {
      this.#giveUp = null;
      clearTimeout(timer);
    }
    starting.then(
      (task) => this.#leave(task),
      (error: unknown) => this.#options.log.warn('a start that was given up failed', { error }),
    );
    throw new LabError('CDC-3005', `The task was still starting ${stopDeadlineMs} ms after it was to stop.`, {
      remedy: 'See the log for what it waits for.',
    });
  }

  /** The phase at the end of a way, unless the task has failed meanwhile. */
  #arrive(from: Phase, to: Phase): void {
    if (this.#phase === from) this.#phase = to;
  }

  /** A task's end that nobody asked for. */
  #ended(task: Task, error: unknown): void {
    if (this.#task !== task) return;
    this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#trace = traceOf(error);
    this.#phase = 'failed';
    this.#restarting = false;
    this.#options.log.error('task has failed', { trace: this.#trace });
    // It lets go of its slot or its group membership at once, as in Connect.
    const task = this.#task;
    this.#task = null;
    if (task !== null) this.#leave(task);
  }

  /** Lets a task go that is of no more use. What goes wrong is logged: its own failure is the one to report. */
  #leave(task: Task): void {
    this.#leaving = this.#stop(task).catch((error: unknown) => {
      this.#options.log.warn('a task that was let go did not stop well', { error });
    });
  }

  async #stop(task: Task | null): Promise<void> {
    if (task === null) return;
    const deadlineMs = this.#options.stopDeadlineMs;
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
}
