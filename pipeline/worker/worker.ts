/**
 * `pipeline/worker`: a Kafka Connect worker: one process that runs connectors and is controlled over Connect's REST
 * API.
 * In: `main.ts --config FILE`, REST requests, and the connectors' stored configurations.
 * Out: running tasks, their status, health, offsets and metrics.
 * Promises: the API has Connect's paths and JSON; a connector has at most one task here; a request that was answered
 * survives a kill; no secret reaches a log, a trace or an answer.
 */

import type {
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  ConnectorStatus,
  Logger,
  TaskContext,
} from '../contract/connector.ts';
import type { CrashPoints } from '../contract/crash-points.ts';
import { LabError } from '../contract/errors.ts';
import type { HealthBounds } from '../contract/health.ts';
import type { Defect } from '../contract/stages.ts';
import { ConfigCheck } from './config-check.ts';
import type { ConnectorStore, StoredConnector, Target } from './connector-store.ts';
import { type WorkerHealth, workerHealth } from './health.ts';
import { ManagedConnector } from './managed-connector.ts';
import type { WorkerMetrics } from './metrics.ts';
import { alreadyExists, invalidConfig, notFound, offsetsFailed, RestError } from './rest-error.ts';
import type { Secrets } from './secrets.ts';
import { ALONE, type TaskShare } from './task-share.ts';

export interface WorkerOptions {
  readonly workerId: string;
  readonly bootstrapServers: readonly string[];
  readonly offsetsTopic: string;
  /** Which task of each sink connector runs here; the only one if undefined. */
  readonly tasks?: TaskShare;
  readonly plugins: readonly ConnectorPlugin[];
  readonly store: ConnectorStore;
  readonly secrets: Secrets;
  readonly metrics: WorkerMetrics;
  readonly crashPoints: CrashPoints;
  readonly defects: readonly Defect[];
  /** Makes a logger whose lines all have these fields. */
  readonly logOf: (fields: Readonly<Record<string, unknown>>) => Logger;
  /** Milliseconds that a task may take to stop. */
  readonly stopDeadlineMs: number;
  /** Bounds beyond which a task is degraded; the contract's default bounds if undefined. */
  readonly healthBounds?: HealthBounds;
}

/** Hosts connectors, like Kafka Connect's herder, but for one worker. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #connectors = new Map<string, ManagedConnector>();
  readonly #share: TaskShare;
  readonly #check: ConfigCheck;
  #closing = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#share = options.tasks ?? ALONE;
    this.#check = new ConfigCheck(options.plugins, options.secrets, this.#share);
  }

  get plugins(): readonly ConnectorPlugin[] {
    return this.#options.plugins;
  }
  get metrics(): WorkerMetrics {
    return this.#options.metrics;
  }

  /**
   * Reads the connectors that the worker had when it last ended.
   * @returns a function that starts them again. Those that were paused or stopped stay so.
   * @throws LabError CDC-3002 if they cannot be read, or a class is unknown.
   */
  async open(): Promise<() => void> {
    const stored = await this.#options.store.load();
    const known = [...stored].map(([name, { config, target }]) => {
      const plugin = this.#check.plugin(config['connector.class'] ?? '');
      if (plugin !== undefined) return { name, config, target, plugin };
      throw new LabError('CDC-3002', `This worker does not have the class of connector ${name}.`, {
        remedy: `Remove the connector from connectors.json. ${this.#check.available()}`,
      });
    });
    return () => {
      for (const { name, config, target, plugin } of known) this.#host(name, plugin, config, target);
    };
  }

  names(): readonly string[] {
    return [...this.#connectors.keys()];
  }

  /** @throws RestError 404 if there is no such connector. */
  connector(name: string): ManagedConnector {
    const connector = this.#connectors.get(name);
    if (connector === undefined) throw notFound(name);
    return connector;
  }

  /** @throws RestError 400 for an invalid configuration, 409 for a name that is taken. */
  async create(name: string, given: ConnectorConfig, target: Target): Promise<ManagedConnector> {
    if (this.#connectors.has(name)) throw alreadyExists(name);
    const { config, plugin } = this.#accept(name, given);
    const connector = this.#host(name, plugin, config, target);
    await this.#save();
    return connector;
  }

  /** Replaces the configuration, or creates the connector. @throws RestError 400 for an invalid configuration. */
  async configure(
    name: string,
    given: ConnectorConfig,
  ): Promise<{ connector: ManagedConnector; created: boolean }> {
    const existing = this.#connectors.get(name);
    if (existing === undefined)
      return { connector: await this.create(name, given, 'STARTED'), created: true };
    const { config, plugin } = this.#accept(name, given);
    if (plugin !== existing.plugin) {
      throw new RestError(
        400,
        `Connector ${name} is of another class: delete it before you change connector.class`,
      );
    }
    this.#inBackground(existing.configure(config));
    await this.#save();
    return { connector: existing, created: false };
  }

  /**
   * Starts, pauses or stops the connector, in the background.
   * @throws RestError 404 if there is no such connector.
   */
  async setTarget(name: string, target: Target): Promise<void> {
    this.#refuseWhileClosing();
    this.#inBackground(this.connector(name).setTarget(target));
    await this.#save();
  }

  /** Restarts the task, in the background; with `onlyFailed` only if it has failed. */
  restartTask(name: string, onlyFailed: boolean): void {
    this.#refuseWhileClosing();
    const connector = this.connector(name);
    if (!onlyFailed || connector.failed) this.#inBackground(connector.restart());
  }

  /** Removes the connector. Resolves when its task has stopped. */
  async delete(name: string): Promise<void> {
    this.#refuseWhileClosing();
    const connector = this.connector(name);
    await connector.setTarget('STOPPED');
    this.#connectors.delete(name);
    this.metrics.remove(name);
    await this.#save();
  }

  async offsets(name: string): Promise<readonly ConnectorOffset[]> {
    const { plugin, config, context } = this.#resolved(name);
    try {
      return await plugin.offsets(config, context);
    } catch (error) {
      throw offsetsFailed(name, 'read', error);
    }
  }

  /** @param offsets Null removes all. @throws RestError 400 unless the connector is stopped and they are valid. */
  async alterOffsets(name: string, offsets: readonly ConnectorOffset[] | null): Promise<void> {
    this.#refuseWhileClosing();
    const { plugin, config, context } = this.#resolved(name);
    if (!this.connector(name).stopped) {
      throw new RestError(
        400,
        `Connectors must be in the STOPPED state before their offsets can be ${offsets === null ? 'reset' : 'altered'}. ` +
          `This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
      );
    }
    try {
      await plugin.alterOffsets(config, context, offsets);
    } catch (error) {
      if (error instanceof LabError) throw new RestError(400, `${error.message} ${error.remedy}`);
      throw offsetsFailed(name, offsets === null ? 'reset' : 'altered', error);
    }
  }

  statuses(): readonly ConnectorStatus[] {
    return [...this.#connectors.values()].map((connector) => connector.status());
  }

  health(): WorkerHealth {
    const health = this.#closing ? 'degraded' : 'ok';
    return workerHealth(
      { component: 'worker', health, detail: this.#options.workerId },
      [...this.#connectors.values()].map((connector) => [connector.name, connector.health()]),
    );
  }

  /** Every problem of the configuration, including environment variables that are not set. */
  validate(plugin: ConnectorPlugin, given: ConnectorConfig): readonly ConfigProblem[] {
    return this.#check.validate(plugin, given);
  }

  /** The connector class of that name, in any form that Connect accepts. */
  plugin(className: string): ConnectorPlugin | undefined {
    return this.#check.plugin(className);
  }

  /** Stops every task gracefully. The targets on disk stay as they are, so that {@link open} starts them again. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#connectors.values()].map((connector) => connector.close()));
  }

  #host(name: string, plugin: ConnectorPlugin, config: ConnectorConfig, target: Target): ManagedConnector {
    const { secrets, stopDeadlineMs } = this.#options;
    const context = this.#contextOf(name, plugin.type);
    const { log } = context;
    const connector = new ManagedConnector({
      name,
      plugin,
      config,
      target,
      context,
      secrets,
      log,
      stopDeadlineMs,
    });
    this.#connectors.set(name, connector);
    this.#inBackground(connector.settle());
    return connector;
  }

  #contextOf(name: string, type: ConnectorPlugin['type']): TaskContext {
    const { workerId, bootstrapServers, offsetsTopic, crashPoints, defects, logOf, healthBounds } =
      this.#options;
    const taskId = type === 'sink' ? this.#share.id : 0;
    const log = logOf({ connector: name });
    const metrics = this.metrics.forConnector(name);
    const where = { workerId, taskId, bootstrapServers, offsetsTopic };
    const bounds = healthBounds === undefined ? {} : { healthBounds };
    return { connector: name, ...where, log, metrics, crashPoints, defects, ...bounds };
  }

  #resolved(name: string) {
    const connector = this.connector(name);
    const { config, problems } = this.#options.secrets.resolve(connector.config);
    if (problems.length > 0) throw invalidConfig(problems);
    const { plugin } = connector;
    return { plugin, config, context: this.#contextOf(name, plugin.type) };
  }

  #accept(name: string, given: ConnectorConfig): { config: ConnectorConfig; plugin: ConnectorPlugin } {
    this.#refuseWhileClosing();
    return this.#check.accept(name, given);
  }

  #refuseWhileClosing(): void {
    if (!this.#closing) return;
    throw new RestError(409, 'Cannot complete request momentarily: the worker is stopping');
  }

  async #save(): Promise<void> {
    const all = new Map<string, StoredConnector>();
    for (const { name, config, target } of this.#connectors.values()) all.set(name, { config, target });
    await this.#options.store.save(all);
  }

  /**
   * Runs a life cycle without waiting for it: its outcome is in the connector's status, so its promise should
   * never reject.
   */
  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.logOf({}).error('the life cycle of a connector has failed', { error });
    });
  }
}
