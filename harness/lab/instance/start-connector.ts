import { type ConnectorFile, loadConnector } from '../../../fixtures/connectors/load.ts';
import { ConnectClient } from '../../connect/connect-client.ts';
import { engineOf } from '../engines.ts';
import type { InstanceSpec } from '../lab.ts';
import type { InstancePlan } from './instance-plan.ts';
import { waitForTopics } from './instance-topics.ts';
import { sinkHosts } from './sink-workers.ts';

const REQUEST_TIMEOUT_MS = 20_000;
/** Kafka Connect's herder may have to find its coordinator first. */
const RUNNING_TIMEOUT_MS = 120_000;

/** Registers one of the instance's connectors and waits until its task runs. */
export async function startConnector(
  plan: InstancePlan,
  spec: InstanceSpec,
  role: 'source' | 'sink',
  signal?: AbortSignal,
): Promise<void> {
  const { name, config } = await connectorOf(plan, spec, role);
  const madeLate =
    role === 'sink' && engineOf('source', plan.engines).host === 'connect' && spec.seedRows > 0;
  if (madeLate) await waitForTopics(plan, (config.topics ?? '').split(',').filter(Boolean), signal);
  const urls = role === 'source' ? [plan.captureUrl] : sinkHosts(plan).map(({ url }) => url);
  const { sinkWorkers = 1 } = spec;
  const tasks = role === 'sink' && sinkWorkers > 1 ? { 'tasks.max': String(sinkWorkers) } : {};
  const clients = urls.map((baseUrl) => new ConnectClient({ baseUrl, timeoutMs: REQUEST_TIMEOUT_MS }));
  for (const client of clients) await client.configure(name, { ...config, ...tasks });
  for (const client of clients) {
    await client.waitForState(name, 'RUNNING', {
      deadlineMs: RUNNING_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** One of the instance's connectors as its engine takes it. */
export async function connectorOf(
  plan: InstancePlan,
  spec: InstanceSpec,
  role: 'source' | 'sink',
): Promise<ConnectorFile> {
  const values = {
    instance: plan.name,
    sourceHost: '127.0.0.1',
    sourcePort: plan.ports.pgSource,
    sourceDatabase: plan.database,
    sinkHost: '127.0.0.1',
    sinkPort: plan.ports.pgSink,
    sinkDatabase: plan.database,
    prefix: plan.topicPrefix,
    slot: plan.slot,
    publication: plan.publication,
  };
  const { file, overrides } = spec[role];
  const { name, config } = await loadConnector(file, values, overrides);
  const whole = withTables(config, role, plan.topicPrefix, spec.atSource?.tables ?? []);
  return { name, config: engineOf(role, plan.engines).adapt(whole) };
}

/** Adds tables to those that the connector carries: to the capture's list, or as topics to the sink's. */
function withTables(
  config: Readonly<Record<string, string>>,
  role: 'source' | 'sink',
  prefix: string,
  tables: readonly string[],
): Readonly<Record<string, string>> {
  const key = role === 'source' ? 'table.include.list' : 'topics';
  const own = tables.map((table) => (role === 'source' ? patternOf(table) : topicOf(prefix, table)));
  const all = [config[key] ?? '', ...own].filter((one) => one !== '');
  return own.length === 0 ? config : { ...config, [key]: all.join(',') };
}

/** An entry of `table.include.list` is a regular expression on the unquoted name. */
function patternOf(table: string): string {
  const [schema = '', ...name] = table.split('.');
  const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return `${literal(schema)}.${literal(name.join('.'))}`;
}

/** With `_` for what a topic's name cannot have, as Debezium writes it. */
function topicOf(prefix: string, table: string): string {
  return `${prefix}.${table}`.replaceAll(/[^A-Za-z0-9._-]/g, '_');
}
