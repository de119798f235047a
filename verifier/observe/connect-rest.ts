import { z } from 'zod';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { accept } from '../../pipeline/contract/mistake.ts';
import type { VerifierConfig } from '../config.ts';
import { basicAuth, reasonOf, send } from '../connection/http.ts';
import { withSecrets } from '../connection/secret.ts';
import type { ConnectorView } from './fence.ts';

const statusSchema = z.object({
  connector: z.object({ state: z.string(), trace: z.string().optional() }),
  tasks: z.array(z.object({ state: z.string(), trace: z.string().optional() })),
});
const offsetsSchema = z.object({
  offsets: z.array(z.object({ offset: z.record(z.string(), z.unknown()).nullable() })),
});

const configSchema = z.record(z.string(), z.string().nullable());

type Configured = VerifierConfig['connectors'][number];
export type ConnectorRef = Pick<Configured, 'name' | 'url' | 'type'> & Partial<Configured>;

const TIMEOUT_MS = 3_000;

/** State of a connector and its tasks; `UNREACHABLE`, with the cause, if no worker answers. Never throws. */
export async function connectorView(ref: ConnectorRef): Promise<ConnectorView> {
  const own = { name: ref.name, type: ref.type };
  try {
    const status = accept(statusSchema, await get(ref, 'status'), 'the answer');
    const traces = [status.connector, ...status.tasks].flatMap((part) => part.trace ?? []);
    const tasks = status.tasks.map((task) => task.state);
    return { ...own, state: status.connector.state, tasks, detail: traces[0]?.split('\n')[0] ?? '' };
  } catch (error) {
    return { ...own, state: 'UNREACHABLE', tasks: [], detail: messageOf(reasonOf(error)) };
  }
}

/**
 * Whether a source connector is in a snapshot. Its offsets say so: Debezium's `snapshot` without `snapshot_completed`,
 * or a list of collections that an incremental snapshot has yet to read. A connector without an offset has not
 * completed its first snapshot.
 * @throws if no worker answers.
 */
export async function snapshotRunning(ref: ConnectorRef): Promise<boolean> {
  const { offsets } = accept(offsetsSchema, await get(ref, 'offsets'), 'the answer');
  const known = offsets.map((entry) => entry.offset).filter((offset) => offset !== null);
  return known.length === 0 || known.some(offsetInSnapshot);
}

export function offsetInSnapshot(offset: Readonly<Record<string, unknown>>): boolean {
  const marker = offset.snapshot;
  const marked = marker !== undefined && marker !== null && marker !== false && marker !== 'false';
  const completed = offset.snapshot_completed === true || offset.last_snapshot_record === true;
  const collections = offset.incremental_snapshot_collections;
  const pending = typeof collections === 'string' && collections !== '' && collections !== '[]';
  // The TypeScript capture lists its snapshot jobs, and removes each once its last row is in Kafka.
  const jobs = Array.isArray(offset.snapshots) && offset.snapshots.length > 0;
  return (marked && !completed) || pending || jobs;
}

/** The dead-letter topic that a connector's configuration names; undefined if it names none. */
export async function deadLetterTopic(ref: ConnectorRef): Promise<string | undefined> {
  const config = await connectorConfig(ref);
  return config['errors.deadletterqueue.topic.name'] ?? undefined;
}

/**
 * Whether a sink connector with this configuration creates a table with its first row: `schema.evolution=basic` of
 * Debezium's JDBC sink and of the lab's, `auto.create=true` of others.
 */
export function createsTables(config: Readonly<Record<string, string | null>>): boolean {
  return config['schema.evolution'] === 'basic' || config['auto.create'] === 'true';
}

/** @throws if no worker answers. */
export async function connectorConfig(ref: ConnectorRef): Promise<Readonly<Record<string, string | null>>> {
  return accept(configSchema, await get(ref, 'config'), 'the answer');
}

/** Asks one worker after the other until one answers. @throws the first worker's error if none does. */
async function get(ref: ConnectorRef, what: string): Promise<unknown> {
  const failures: unknown[] = [];
  for (const worker of [ref.url, ...(ref.otherUrls ?? [])]) {
    try {
      return await getFrom(worker, ref, what);
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}

async function getFrom(worker: string, ref: ConnectorRef, what: string): Promise<unknown> {
  const url = new URL(`connectors/${encodeURIComponent(ref.name)}/${what}`, withSlash(worker));
  const { auth = null, ca = null } = ref;
  const secret = auth === null ? '' : withSecrets(auth.password, `the password of ${auth.username}`);
  const headers = auth === null ? {} : { authorization: basicAuth(auth.username, secret) };
  const response = await send(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }, ca);
  if (!response.ok) throw new Error(`GET ${url.pathname} answered ${response.status}`);
  return JSON.parse(response.text);
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
