import { connect } from 'node:net';
import pg from 'pg';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { reasonOf } from '../../../verifier/connection/http.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { poll } from '../../wait.ts';
import type { Probe } from './service-spec.ts';

const REFUSED_WITHIN_MS = 5_000;

/** `ok`, or why not yet. */
export type ProbeOutcome =
  | { readonly ok: true; readonly answer: string }
  | { readonly ok: false; readonly why: string };

/** Probes a service once, for at most `timeoutMs`. Never throws: no answer is an outcome. */
export async function probe(what: Probe, password: string, timeoutMs: number): Promise<ProbeOutcome> {
  try {
    switch (what.tag) {
      case 'postgres':
        return { ok: true, answer: await queryPostgres(what.port, password, timeoutMs) };
      case 'kafka':
        return { ok: true, answer: await requestMetadata(what, timeoutMs) };
      case 'http':
        return { ok: true, answer: await get(what, timeoutMs) };
      case 'none':
        return { ok: true, answer: 'it runs' };
    }
  } catch (error) {
    return { ok: false, why: messageOf(reasonOf(error)) };
  }
}

async function queryPostgres(port: number, password: string, timeoutMs: number): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    password,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  // The connection may break after the answer; that does not matter here.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const result = await client.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    return `PostgreSQL ${result.rows[0]?.version ?? '?'}`;
  } finally {
    await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
  }
}

async function requestMetadata(
  { port, nodeId }: Extract<Probe, { tag: 'kafka' }>,
  timeoutMs: number,
): Promise<string> {
  // Fail at once on a closed port: the client would retry first.
  await acceptsConnection(port, timeoutMs);
  const admin = quietKafka({
    clientId: 'cdc-lab-probe',
    brokers: [`127.0.0.1:${port}`],
    connectionTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    const registered = cluster.brokers.map((broker) => broker.nodeId);
    if (registered.length === 0) throw new Error('no broker is registered yet');
    if (nodeId !== undefined && !registered.includes(nodeId)) {
      throw new Error(`broker ${nodeId} is not registered yet`);
    }
    return `cluster ${cluster.clusterId}, ${registered.length} broker${registered.length === 1 ? '' : 's'}`;
  } finally {
    await admin.disconnect();
  }
}

async function get(what: Extract<Probe, { tag: 'http' }>, timeoutMs: number): Promise<string> {
  const url = `http://127.0.0.1:${what.port}${what.path}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  await response.body?.cancel();
  if (response.status !== 200 && !what.anyStatus)
    throw new Error(`GET ${what.path} answered ${response.status}`);
  return `HTTP ${response.status}`;
}

/** Resolves when a connection is accepted. @throws where it is refused, or not accepted in time. */
export function acceptsConnection(port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no connection in time')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/**
 * Evidence that nothing listens on a service's port any more; empty for a service without a port.
 * @throws where the port still takes connections after 5 s.
 */
export async function refusal(service: string, port: number | null): Promise<{ connection?: 'refused' }> {
  if (port === null) return {};
  const isRefused = () =>
    acceptsConnection(port, 1_000).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    );
  const refused = await poll(isRefused, { withinMs: REFUSED_WITHIN_MS, everyMs: 5, maxEveryMs: 200 });
  if (refused) return { connection: 'refused' };
  throw new Error(`port ${port} of ${service} still takes connections after ${REFUSED_WITHIN_MS} ms`);
}
