import type {
  ComponentHealth,
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  ConnectorStatus,
  Health,
  HealthBounds,
  Logger,
  TaskContext,
} from '../contract/connector.ts';
import type { CrashPoints } from '../contract/crash-points.ts';
import { LabError } from '../contract/errors.ts';
import type { Defect } from '../contract/stages.ts';
import { alreadyExists, invalidConfig, notFound, RestError } from './errors.ts';
import { ManagedConnector } from './managed-connector.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { Secrets } from './secrets.ts';
import type { ConnectorStore, StoredConnector, Target } from './store.ts';
import { ALONE, type TaskShare, taskProblems } from './task-share.ts';

export interface WorkerOptions {
  readonly workerId: string;
  readonly bootstrapServers: readonly string[];
  readonly offsetsTopic: string;
  /** Which task of each sink connector is run here, of how many. */
  readonly tasks?: TaskShare;
  readonly plugins: readonly ConnectorPlugin[];
  readonly store: ConnectorStore;
  readonly secrets: Secrets;
  readonly metrics: WorkerMetrics;
  readonly crashPoints: CrashPoints;
  readonly defects: readonly Defect[];
  readonly logOf: (fields: Readonly<Record<string, unknown>>) => Logger;
  readonly stopDeadlineMs: number;
  /** From where on a task is degraded; the contract's own bounds where it is left out. */
  readonly healthBounds?: HealthBounds;
}

/** Hosts connectors: what Kafka Connect's herder does, for one worker. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #connectors = new Map<string, ManagedConnector>();
  readonly #share: TaskShare;
  #closing = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#share = options.tasks ?? ALONE;
  }

  get plugins(): readonly ConnectorPlugin[] {
    return this.#options.plugins;
  }
  get metrics(): WorkerMetrics {
    return this.#options.metrics;
  }

  /**
   * Reads what was there when the worker last ended.
   * @throws LabError CDC-3002 where that cannot be hosted.
   * @returns starts it again; what was paused or stopped stays so.
   */
  async open(): Promise<() => void> {
    const stored = await this.#options.store.load();
    const known = [...stored].map(([name, { config, target }]) => {
      const plugin = this.plugin(config['connector.class'] ?? '');
      if (plugin !== undefined) return { name, config, target, plugin };
      throw new LabError('CDC-3002', `Connector ${name} is of a class that this worker does not have.`, {
        remedy: `Take it out of connectors.json. ${this.#available()}`,
      });
    });
    return () => {
      for (const { name, config, target, plugin } of known) this.#host(name, plugin, config, target);
    };
  }

  names(): readonly string[] {
    return [...this.#connectors.keys()];
  }

  /** @throws RestError 404 */
  connector(name: string): ManagedConnector {
    const connector = this.#connectors.get(name);
    if (connector === undefined) throw notFound(name);
    return connector;
  }

  /** @throws RestError 400 for an invalid configuration, 409 for a name that is taken. */
  async create(name: string, given: ConnectorConfig, target: Target): Promise<ManagedConnector> {
    if (this.#connectors.has(name)) throw alreadyExists(name);
    const { config, plugin } = this.#check(name, given);
    const connector = this.#host(name, plugin, config, target);
    await this.#save();
    return connector;
  }

  /** Replaces the configuration, or creates the connector. */
  async configure(
    name: string,
    given: ConnectorConfig,
  ): Promise<{ connector: ManagedConnector; created: boolean }> {
    const existing = this.#connectors.get(name);
    if (existing === undefined)
      return { connector: await this.create(name, given, 'STARTED'), created: true };
    const { config, plugin } = this.#check(name, given);
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

  async setTarget(name: string, target: Target): Promise<void> {
    this.#refuseWhileClosing();
    this.#inBackground(this.connector(name).setTarget(target));
    await this.#save();
  }

  /** Restarts the task; with `onlyFailed` only where it has failed. */
  restartTask(name: string, onlyFailed: boolean): void {
    this.#refuseWhileClosing();
    const connector = this.connector(name);
    if (!onlyFailed || connector.failed) this.#inBackground(connector.restart());
  }

  /** Resolves when the task has let go of what it held. */
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
    return await plugin.offsets(config, context);
  }

  /** @param offsets null removes all. @throws RestError 400 unless the connector is stopped. */
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
      throw error;
    }
  }

  statuses(): readonly ConnectorStatus[] {
    return [...this.#connectors.values()].map((connector) => connector.status());
  }

  health(): { readonly status: Health; readonly components: readonly ComponentHealth[] } {
    const components: ComponentHealth[] = [
      { component: 'worker', health: this.#closing ? 'degraded' : 'ok', detail: this.#options.workerId },
    ];
    for (const connector of this.#connectors.values()) {
      for (const part of connector.health()) {
        components.push({ ...part, component: `${connector.name}/${part.component}` });
      }
    }
    const has = (health: Health) => components.some((component) => component.health === health);
    return { status: has('failed') ? 'failed' : has('degraded') ? 'degraded' : 'ok', components };
  }

  /** Everything wrong with a configuration, variables that are not set included. */
  validate(plugin: ConnectorPlugin, given: ConnectorConfig): readonly ConfigProblem[] {
    const { config, problems } = this.#options.secrets.resolve(given);
    const tasks = plugin.type === 'sink' ? taskProblems(config, this.#share) : [];
    return [...problems, ...plugin.validate(config), ...tasks];
  }

  /** The plugin of that class: the full name, or as Connect allows its last part, with or without `Connector`. */
  plugin(className: string): ConnectorPlugin | undefined {
    return this.plugins.find((plugin) => {
      const simple = plugin.className.slice(plugin.className.lastIndexOf('.') + 1);
      return [plugin.className, simple, simple.replace(/Connector$/, '')].includes(className);
    });
  }

  /** Stops every task, gracefully; the targets stay as they are on disk. */
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

  #check(name: string, given: ConnectorConfig): { config: ConnectorConfig; plugin: ConnectorPlugin } {
    this.#refuseWhileClosing();
    if (given.name !== undefined && given.name !== name) {
      throw new RestError(
        400,
        `Connector name configuration (${given.name}) doesn't match connector name in the URL (${name})`,
      );
    }
    const config = { ...given, name };
    const plugin = this.#pluginOf(config);
    const problems = this.validate(plugin, config);
    if (problems.length > 0) throw invalidConfig(problems);
    return { config, plugin };
  }

  #pluginOf(config: ConnectorConfig): ConnectorPlugin {
    const className = config['connector.class'];
    if (className === undefined) {
      throw new RestError(400, `Connector config has no connector.class. ${this.#available()}`);
    }
    const plugin = this.plugin(className);
    if (plugin !== undefined) return plugin;
    throw new RestError(
      400,
      `Failed to find any class that implements Connector and which name matches ${className}. ${this.#available()}`,
    );
  }

  #available(): string {
    return `Available connectors are: ${this.plugins.map(({ className }) => className).join(', ')}`;
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

  /** A life cycle goes on by itself and reports through the status; its promise never rejects. */
  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.logOf({}).error('a life cycle ended in an error', { error });
    });
  }
}
