import assert from 'node:assert/strict';
import type {
  ConnectorConfig,
  ConnectorPlugin,
  ConnectorStatus,
  Logger,
  Task,
  TaskContext,
} from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import type { ComponentHealth } from '../contract/health.ts';
import { unreachable } from '../contract/unreachable.ts';
import type { Target } from './connector-store.ts';
import { nextStep, type Phase, type Step, taskState } from './life-cycle.ts';
import { traceOf } from './log.ts';
import type { Secrets } from './secrets.ts';
import { PendingStart, stopWithin } from './task-deadlines.ts';

export interface ManagedConnectorOptions {
  readonly name: string;
  readonly plugin: ConnectorPlugin;
  readonly config: ConnectorConfig;
  readonly target: Target;
  readonly context: TaskContext;
  readonly secrets: Secrets;
  readonly log: Logger;
  /** Milliseconds that a task may take to stop. After that it counts as failed. */
  readonly stopDeadlineMs: number;
}

/**
 * One connector and its task. Requests (target, restart, configuration) are recorded at once and carried out one
 * after the other in the background. `status` says how far they have come.
 */
export class ManagedConnector {
  readonly name: string;
  readonly plugin: ConnectorPlugin;
  readonly #options: ManagedConnectorOptions;
  #config: ConnectorConfig;
  #target: Target;
  #closing = false;
  #restart = false;
  /** True while the task is being stopped in order to start again. */
  #restarting = false;
  #phase: Phase = 'idle';
  #task: Task | null = null;
  #trace: string | null = null;
  #settling: Promise<void> | null = null;
  /** Settles when the last task that was released has stopped. */
  #released: Promise<void> = Promise.resolve();
  #starting: PendingStart | null = null;

  constructor(options: ManagedConnectorOptions) {
    this.#options = options;
    this.name = options.name;
    this.plugin = options.plugin;
    this.#config = options.config;
    this.#target = options.target;
  }

  /** The configuration as it was given: placeholders are not resolved. */
  get config(): ConnectorConfig {
    return this.#config;
  }
  get target(): Target {
    return this.#target;
  }
  get failed(): boolean {
    return this.#phase === 'failed';
  }
  /** True if there is no task, and none is wanted. */
  get stopped(): boolean {
    return this.#phase === 'idle' && this.#target === 'STOPPED';
  }

  /** Stops the task because the worker ends. The target state does not change. */
  close(): Promise<void> {
    this.#closing = true;
    this.#starting?.giveUp();
    return this.settle();
  }

  setTarget(target: Target): Promise<void> {
    this.#target = target;
    if (target === 'STOPPED') this.#starting?.giveUp();
    return this.settle();
  }

  /** Stops the task, if there is one, and starts another if the target allows it. Restarts a failed task too. */
  restart(): Promise<void> {
    this.#restart = this.#phase !== 'idle';
    this.#starting?.giveUp();
    return this.settle();
  }

  configure(config: ConnectorConfig): Promise<void> {
    this.#config = config;
    return this.restart();
  }

  /** Carries out what was requested. Resolves when nothing is left to do. Never rejects. */
  settle(): Promise<void> {
    if (this.#settling === null && this.#nextStep() === 'rest') return Promise.resolve();
    this.#settling ??= this.#carryOut();
    return this.#settling;
  }

  status(): ConnectorStatus {
    const { context, secrets } = this.#options;
    const { workerId: worker_id, taskId: id = 0 } = context;
    const state = taskState(this.#phase, this.#target, this.#restarting);
    const wanted = this.#target === 'STARTED' ? 'RUNNING' : this.#target;
    const failure = state === 'FAILED' && this.#trace !== null ? { trace: secrets.redact(this.#trace) } : {};
    return {
      name: this.name,
      // A connector is STOPPED only once its task is gone.
      connector: { state: wanted === 'STOPPED' && state !== null ? 'RUNNING' : wanted, worker_id },
      tasks: state === null ? [] : [{ id, state, worker_id, ...failure }],
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
    // In the same turn of the event loop as the last `#nextStep()`, so that no request is lost in between.
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
        await this.#released;
        if (task !== null) await stopWithin(this.#options.stopDeadlineMs, task);
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
        remedy:
          'Correct the configuration, or set the variables that it refers to, and restart the connector.',
      });
    }
    assert(this.#task === null, 'a connector has at most one task');
    const task = await this.#startedTask(plugin.start(config, this.#options.context));
    this.#task = task;
    task.done.then(
      () => this.#ended(task, new Error('The task ended by itself.')),
      (error: unknown) => this.#ended(task, error),
    );
    this.#arrive('starting', 'running');
    this.#options.log.info('task is running');
  }

  async #startedTask(starting: Promise<Task>): Promise<Task> {
    this.#starting = new PendingStart(starting, this.#options.stopDeadlineMs);
    try {
      return await this.#starting.task(
        (late) => this.#release(late),
        (error) => this.#options.log.warn('a start that was given up has failed', { error }),
      );
    } finally {
      this.#starting = null;
    }
  }

  /** Ends a step in its phase, unless the task has failed meanwhile. */
  #arrive(from: Phase, to: Phase): void {
    if (this.#phase === from) this.#phase = to;
  }

  /** Called when a task ends without being stopped. */
  #ended(task: Task, error: unknown): void {
    if (this.#task !== task) return;
    this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#trace = traceOf(error);
    this.#phase = 'failed';
    this.#restarting = false;
    this.#options.log.error('task has failed', { trace: this.#trace });
    // Releases the slot or the group membership at once, as Connect does.
    const task = this.#task;
    this.#task = null;
    if (task !== null) this.#release(task);
  }

  /**
   * Stops a task that is no longer used. An error is only logged: the reason why it is not used is the one to report.
   */
  #release(task: Task): void {
    this.#released = stopWithin(this.#options.stopDeadlineMs, task).catch((error: unknown) => {
      this.#options.log.warn('a task that is no longer used did not stop well', { error });
    });
  }
}
