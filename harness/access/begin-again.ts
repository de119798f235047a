import { LabError } from '../../pipeline/contract/errors.ts';
import { ConnectClient } from '../connect/connect-client.ts';
import { sinkWorkers } from '../lab/instance/sink-workers.ts';
import type { Instance } from '../lab/lab.ts';
import { until } from '../wait.ts';
import type { Access, WorkerRole } from './access.ts';
import { capturedTables } from './captured-tables.ts';

const ROLES = ['sink', 'capture'] as const;
/** The sink's own tables: its offsets, marks and statistics. */
const OWN_TABLES = '\\_cdc\\_%';

/** What is left of the pipeline between its end and its second beginning. */
export interface Gone {
  readonly connectors: 0;
  readonly offsets: 0;
  readonly slots: 0;
  readonly sinkTables: 0;
}

interface Pipeline {
  readonly access: Access;
  readonly instance: Instance;
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

/**
 * Deletes connectors, offsets, slot, sink tables and the capture's own publication, and posts the same configurations
 * again. Topics stay, as they do when somebody sets up a pipeline a second time: the sink reads them from their beginning.
 * @param options.untilRunning Waits until both connectors run. False where the first start is to fail.
 * @param options.emptyTopics Deletes the records of the topics, so that the sink gets what the new snapshot sends alone.
 * @throws LabError CDC-5036 if something of the pipeline is still there.
 */
export async function beginAgain(
  { access, instance, signal, withinMs }: Pipeline,
  { untilRunning, emptyTopics = false }: { readonly untilRunning: boolean; readonly emptyTopics?: boolean },
): Promise<Gone> {
  const tables = await capturedTables(access, instance);
  const configs = new Map<WorkerRole, Readonly<Record<string, string>>>();
  for (const role of ROLES) configs.set(role, await removed(instance, role, { signal, withinMs }));
  await dropSlot(access, instance.slot, { signal, withinMs });
  if (createsPublication(configs.get('capture'))) {
    await access.query('source', `DROP PUBLICATION IF EXISTS ${quoted(instance.publication)}`);
  }
  await dropTables(access, tables);
  const gone = await mustBeGone(access, instance, tables);
  if (emptyTopics) await access.emptyTopics();
  for (const role of ['capture', 'sink'] as const) {
    const [config, name] = [configs.get(role) ?? {}, nameOf(instance, role)];
    for (const client of clientsOf(instance, role)) {
      await client.configure(name, config);
      if (untilRunning) await client.waitForState(name, 'RUNNING', { deadlineMs: withinMs, signal });
    }
  }
  return gone;
}

interface Bounds {
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

/** Stops a connector, removes its offsets and itself. @returns The configuration that it had. */
async function removed(instance: Instance, role: WorkerRole, { signal, withinMs }: Bounds) {
  const name = nameOf(instance, role);
  const clients = clientsOf(instance, role);
  const [first] = clients;
  const config = await first.config(name);
  for (const client of clients) await client.stop(name);
  for (const client of clients) await client.waitForState(name, 'STOPPED', { deadlineMs: withinMs, signal });
  await first.resetOffsets(name);
  const offsets = await first.offsets(name);
  if (offsets.length > 0) throw notGone(`${name} still has ${offsets.length} offsets`);
  for (const client of clients) await client.delete(name);
  return config;
}

async function dropSlot(access: Access, slot: string, { signal, withinMs }: Bounds): Promise<void> {
  const free = async () => {
    const [row] = await access.query(
      'source',
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    return row?.active !== true;
  };
  await until(free, { what: `slot ${slot} to be free`, withinMs, signal });
  await access.query(
    'source',
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
}

/** Every table of the sink is in the schema `public`. */
async function dropTables(access: Access, tables: readonly string[]): Promise<void> {
  for (const name of await sinkTables(access, tables)) {
    await access.query('sink', `DROP TABLE public.${quoted(name)} CASCADE`);
  }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Whether the capture makes the publication itself: one that somebody else made is not its to lose. */
function createsPublication(config: Readonly<Record<string, string>> = {}): boolean {
  return (config['publication.autocreate.mode'] ?? 'all_tables') !== 'disabled';
}

async function sinkTables(access: Access, tables: readonly string[]): Promise<string[]> {
  const copies = tables.map((id) => id.split('.').at(-1)?.replaceAll('"', '') ?? id);
  const rows = await access.query(
    'sink',
    `SELECT tablename FROM pg_tables
      WHERE schemaname = 'public' AND (tablename = ANY($1) OR tablename LIKE $2)`,
    [copies, OWN_TABLES],
  );
  return rows.map(({ tablename }) => String(tablename));
}

/** @throws LabError CDC-5036 if something is still there: what starts then would not be a first start. */
async function mustBeGone(access: Access, instance: Instance, tables: readonly string[]): Promise<Gone> {
  const left = await sinkTables(access, tables);
  if (left.length > 0) throw notGone(`the sink still has ${left.join(', ')}`);
  const [row] = await access.query(
    'source',
    'SELECT count(*)::int AS slots FROM pg_replication_slots WHERE slot_name = $1',
    [instance.slot],
  );
  if (Number(row?.slots) !== 0) throw notGone(`slot ${instance.slot} is still there`);
  const connectors: string[] = [];
  for (const role of ROLES) {
    for (const client of clientsOf(instance, role)) {
      connectors.push(...(await client.names()).filter((name) => name === nameOf(instance, role)));
    }
  }
  if (connectors.length > 0) throw notGone(`${connectors.join(', ')} are still there`);
  return { connectors: 0, offsets: 0, slots: 0, sinkTables: 0 };
}

function notGone(what: string): LabError {
  return new LabError('CDC-5036', `the pipeline cannot begin again: ${what}`, {
    remedy: 'see the journal for what was done, and the log of the worker',
  });
}

function nameOf({ connectors }: Instance, role: WorkerRole): string {
  return role === 'capture' ? connectors.source : connectors.sink;
}

/** A client for each worker of that half. */
function clientsOf(instance: Instance, role: WorkerRole): readonly [ConnectClient, ...ConnectClient[]] {
  const { captureUrl, reach } = instance;
  const client = (baseUrl: string): ConnectClient => new ConnectClient(reach?.connect[role] ?? { baseUrl });
  if (role === 'capture') return [client(captureUrl)];
  const [first, ...more] = sinkWorkers(instance);
  return [client(first.url), ...more.map(({ url }) => client(url))];
}
