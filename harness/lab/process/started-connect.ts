import { ConnectClient } from '../../connect/connect-client.ts';
import type { ConnectOptions } from '../instance/connect-worker.ts';
import { freePorts } from '../services/ports.ts';
import { startChild } from './child-service.ts';
import { prepareConnect } from './connect-service.ts';

export interface StartedConnect extends AsyncDisposable {
  /** Base URL of the REST API. */
  readonly url: string;
  readonly client: ConnectClient;
  readonly pid: number;
}

/**
 * A Connect worker with Debezium's PostgreSQL connector and its JDBC sink, for a test or a benchmark: it ends with
 * this process, or when it is disposed of. Its connectors see `password` as `${env:PGPASSWORD}`.
 *
 * The topics and the group that it leaves in Kafka are `connectNames(cluster)`.
 * @throws LabError CDC-5140 if the jars are missing (`enginesReady()`), CDC-5145 if it does not answer.
 */
export async function startConnect(
  options: Omit<ConnectOptions, 'name' | 'log' | 'port'> & { readonly password: string },
): Promise<StartedConnect> {
  const [port = 0] = await freePorts(1);
  const spec = prepareConnect({ ...options, name: `connect ${options.cluster}`, log: '', port });
  const { pid, [Symbol.asyncDispose]: end } = await startChild(spec, { password: options.password });
  const url = `http://127.0.0.1:${port}`;
  return { url, client: new ConnectClient({ baseUrl: url }), pid, [Symbol.asyncDispose]: end };
}
