import type { ConfigProblem, ConnectorConfig, ConnectorPlugin } from '../contract/connector.ts';
import { invalidConfig, RestError } from './rest-error.ts';
import type { Secrets } from './secrets.ts';
import { type TaskShare, taskProblems } from './task-share.ts';

/** Decides which connector class a configuration is for, and whether that class accepts it. */
export class ConfigCheck {
  readonly #plugins: readonly ConnectorPlugin[];
  readonly #secrets: Secrets;
  readonly #share: TaskShare;

  constructor(plugins: readonly ConnectorPlugin[], secrets: Secrets, share: TaskShare) {
    this.#plugins = plugins;
    this.#secrets = secrets;
    this.#share = share;
  }

  /**
   * The connector class of that name: the full name, or (as in Connect) its last part, with or without `Connector`.
   */
  plugin(className: string): ConnectorPlugin | undefined {
    return this.#plugins.find((plugin) => {
      const simple = plugin.className.slice(plugin.className.lastIndexOf('.') + 1);
      return [plugin.className, simple, simple.replace(/Connector$/, '')].includes(className);
    });
  }

  /** A sentence that lists the connector classes, for errors. */
  available(): string {
    return `Available connectors are: ${this.#plugins.map(({ className }) => className).join(', ')}`;
  }

  /** Every problem of the configuration, including environment variables that are not set. */
  validate(plugin: ConnectorPlugin, given: ConnectorConfig): readonly ConfigProblem[] {
    const { config, problems } = this.#secrets.resolve(given);
    const tasks = plugin.type === 'sink' ? taskProblems(config, this.#share) : [];
    return [...problems, ...plugin.validate(config), ...tasks];
  }

  /**
   * The configuration with its name in it, and the class that it is for.
   * @throws RestError 400 if the configuration is not valid or names another connector.
   */
  accept(name: string, given: ConnectorConfig): { config: ConnectorConfig; plugin: ConnectorPlugin } {
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
      throw new RestError(400, `Connector config has no connector.class. ${this.available()}`);
    }
    const plugin = this.plugin(className);
    if (plugin !== undefined) return plugin;
    throw new RestError(
      400,
      `Failed to find any class that implements Connector and which name matches ${className}. ${this.available()}`,
    );
  }
}
