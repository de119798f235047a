import type { FastifyInstance } from 'fastify';
import type { ConfigProblem } from '../../contract/connector.ts';
import { configBody, parseBody } from '../request-bodies.ts';
import { problemText, RestError } from '../rest-error.ts';
import type { Worker } from '../worker.ts';

/** Listing the connector classes, and validating a configuration for one. */
export function pluginRoutes(app: FastifyInstance, worker: Worker): void {
  app.get('/connector-plugins', () =>
    worker.plugins.map(({ className, type, version }) => ({ class: className, type, version })),
  );

  app.put<{ Params: { plugin: string } }>('/connector-plugins/:plugin/config/validate', (request) => {
    const plugin = worker.plugin(request.params.plugin);
    if (plugin === undefined) {
      throw new RestError(404, `There is no connector plugin ${request.params.plugin}`);
    }
    const config = parseBody(configBody, request.body);
    const named = config['connector.class'];
    if (named !== undefined && worker.plugin(named) !== plugin) {
      throw new RestError(
        400,
        `Included connector type ${named} does not match request type ${request.params.plugin}`,
      );
    }
    const problems = worker.validate(plugin, config);
    return {
      name: plugin.className,
      error_count: problems.length,
      groups: [],
      configs: configInfos(config, problems),
    };
  });
}

/** Connect's `configs`: one entry for each key that is given or has a problem. */
function configInfos(config: Readonly<Record<string, string>>, problems: readonly ConfigProblem[]) {
  const keys = new Set([...Object.keys(config), ...problems.map(({ key }) => key)]);
  return [...keys].map((name) => ({
    value: {
      name,
      value: config[name] ?? null,
      recommended_values: problems.flatMap(({ key, nearest }) =>
        key === name && nearest !== undefined ? [nearest] : [],
      ),
      errors: problems.filter(({ key }) => key === name).map(problemText),
      visible: true,
    },
  }));
}
