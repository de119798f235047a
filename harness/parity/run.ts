/**
 * `harness/parity`: runs our capture and Debezium's over the same workload, and compares their records.
 * In: a source, a broker, the variants of the configuration, and the SQL workload.
 * Out: the differences per variant, divided into listed and unexplained ones, and the measured part of
 * docs/parity.md.
 * Promises: every record of every topic is compared, field by field and keys byte by byte; only the list in
 * `differences.ts` excuses a difference.
 */

import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { connectTo } from '../../fixtures/database.ts';
import type { ConnectClient } from '../connect/connect-client.ts';
import { dropSlots } from '../lab/instance/instance-databases.ts';
import { DeadlineError, poll } from '../wait.ts';
import { compareTopics, type SeenRecord } from './compare.ts';
import type { Difference } from './differences.ts';
import { type EngineName, type Engines, startEngines } from './engines.ts';
import { Topics } from './topics.ts';
import { USUAL, VARIANTS, type Variant } from './variants.ts';
import { BEFORE, LIVE } from './workload.ts';

/** The servers that both engines use. */
export interface Servers {
  /** URL of the source's superuser, with its password. */
  readonly sourceUrl: string;
  readonly bootstrapServers: readonly string[];
}

/** The result of one variant. */
export interface VariantOutcome {
  readonly variant: Variant;
  /** Number of Debezium's records. */
  readonly records: number;
  readonly differences: readonly Difference[];
}

const STREAMING_MS = 300_000;
const MARKER = 't_marker';

/** Runs the workload in a new database, through both engines at once, under every variant. */
export async function runParity(
  servers: Servers,
  progress: (step: string) => void,
  variants: readonly Variant[] = VARIANTS,
): Promise<VariantOutcome[]> {
  const id = `parity_${randomUUID().slice(0, 8)}`;
  const url = new URL(servers.sourceUrl);
  const password = decodeURIComponent(url.password);
  await using admin = await connectTo(servers.sourceUrl);
  await admin.query(`CREATE DATABASE ${id}`);
  url.pathname = `/${id}`;
  await using topics = await Topics.open(servers.bootstrapServers);
  try {
    await using sql = await connectTo(url.href);
    for (const statement of BEFORE) await sql.query(statement);
    const engines = await startEngines({ ...servers, password, id, progress });
    try {
      return await compareAll({ id, url, sql, topics, engines, progress, variants });
    } finally {
      await engines[Symbol.asyncDispose]();
    }
  } finally {
    await cleanUp(admin, id);
    await topics.remove(await topics.named(id));
  }
}

interface Parity {
  readonly id: string;
  readonly url: URL;
  readonly sql: Client;
  readonly topics: Topics;
  readonly engines: Engines;
  readonly progress: (step: string) => void;
  readonly variants: readonly Variant[];
}

async function compareAll(parity: Parity): Promise<VariantOutcome[]> {
  const { sql, progress, variants } = parity;
  progress(`starting ${2 * variants.length} connectors …`);
  for (const [i, variant] of variants.entries()) {
    await Promise.all(ENGINES.map((engine) => create(parity, engine, variant, i)));
  }
  await untilStreaming(parity);
  progress('writing …');
  for (const statement of LIVE) await sql.query(statement);
  await sql.query(`INSERT INTO ${MARKER} VALUES (1)`);
  await untilMarked(parity, 1);
  const again = variants.filter(({ after }) => after !== undefined);
  if (again.length > 0) {
    progress('restarting …');
    const before = await walsenders(parity);
    await Promise.all(again.flatMap((variant) => ENGINES.map((engine) => restart(parity, engine, variant))));
    await untilStreaming(
      parity,
      again.flatMap((variant) => ENGINES.map((engine) => before.get(slotOf(parity, engine, variant)) ?? 0)),
    );
    await sql.query("INSERT INTO t_mode VALUES (5, 'after the restart')");
    await sql.query(`INSERT INTO ${MARKER} VALUES (2)`);
    await untilMarked(parity, 2);
  }
  progress('comparing …');
  const outcomes: VariantOutcome[] = [];
  for (const [i, variant] of variants.entries()) outcomes.push(await compareOne(parity, variant, i));
  return outcomes;
}

/** A table with REPLICA IDENTITY NOTHING: it is only inserted into. */
const UNIDENTIFIED = 't_nothing';

const ENGINES: readonly EngineName[] = ['ours', 'debezium'];

function prefixOf({ id }: Parity, engine: EngineName, i: number): string {
  return `${id}_${engine === 'ours' ? 'a' : 'b'}${String(i).padStart(2, '0')}`;
}

async function create(parity: Parity, engine: EngineName, variant: Variant, i: number): Promise<void> {
  const { url, id, engines, sql } = parity;
  const prefix = prefixOf(parity, engine, i);
  const own = variant.tables ?? USUAL;
  // Our capture puts no table without identity into a publication, and reads one that is there.
  if (own.includes(UNIDENTIFIED)) await sql.query(`CREATE PUBLICATION ${prefix} FOR TABLE ${UNIDENTIFIED}`);
  const tables = [...own, MARKER].map((table) => `public\\.${table.replace('.', '\\.')}`);
  await engines.clients[engine].create(prefix, {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'database.hostname': url.hostname,
    'database.port': url.port,
    'database.user': url.username,
    'database.password': `\${env:PGPASSWORD}`,
    'database.dbname': id,
    'plugin.name': 'pgoutput',
    'topic.prefix': prefix,
    'slot.name': prefix,
    'publication.name': prefix,
    'publication.autocreate.mode': 'filtered',
    'table.include.list': tables.join(','),
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': '1',
    'extended.headers.enabled': 'false',
    ...variant.config,
  });
}

/**
 * Waits until every slot is streamed by a walsender that has caught up, after the snapshot.
 * @param gone Processes from before a restart, which must no longer stream.
 */
async function untilStreaming(parity: Parity, gone: readonly number[] = []): Promise<void> {
  const wanted = 2 * parity.variants.filter(({ streams }) => streams !== false).length;
  await until('the connectors to stream', parity, async () => {
    const now = await walsenders(parity);
    return now.size === wanted && gone.every((pid) => ![...now.values()].includes(pid));
  });
}

/** The processes that stream and have caught up, by slot. */
async function walsenders({ sql, id }: Parity): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ slot_name: string; pid: number }>(
    `SELECT s.slot_name, r.pid FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
     WHERE s.database = $1 AND r.state = 'streaming' AND NOT s.temporary`,
    [id],
  );
  return new Map(rows.map(({ slot_name, pid }) => [slot_name, pid]));
}

/** The name of a connector, which is also its slot, its publication and its topic prefix. */
function slotOf(parity: Parity, engine: EngineName, variant: Variant): string {
  return prefixOf(parity, engine, parity.variants.indexOf(variant));
}

async function untilMarked(parity: Parity, count: number): Promise<void> {
  const { variants, topics } = parity;
  const markers = variants.flatMap(({ streams }, i) =>
    streams === false ? [] : ENGINES.map((engine) => `${prefixOf(parity, engine, i)}.public.${MARKER}`),
  );
  await until('the marker', parity, async () => {
    const missing: string[] = [];
    for (const topic of markers) if ((await topics.count(topic)) < count) missing.push(topic);
    return missing.length === 0;
  });
}

async function restart(parity: Parity, engine: EngineName, variant: Variant): Promise<void> {
  const client: ConnectClient = parity.engines.clients[engine];
  const name = slotOf(parity, engine, variant);
  await client.restart(name);
}

async function compareOne(parity: Parity, variant: Variant, i: number): Promise<VariantOutcome> {
  const read = async (engine: EngineName): Promise<Map<string, SeenRecord[]>> => {
    const prefix = prefixOf(parity, engine, i);
    return await parity.topics.read(await parity.topics.named(prefix), prefix);
  };
  const [ours, theirs] = [await read('ours'), await read('debezium')];
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].filter(
    (name) => !name.endsWith(`.${MARKER}`),
  );
  const differences = names.flatMap((topic) =>
    compareTopics({ variant: variant.name, topic }, ours.get(topic) ?? [], theirs.get(topic) ?? []),
  );
  const records = names.reduce((sum, name) => sum + (theirs.get(name)?.length ?? 0), 0);
  return { variant, records, differences };
}

/**
 * Waits for a condition.
 * @throws Error with the failed connectors as soon as one has failed, or after the time-out.
 */
async function until(what: string, parity: Parity, condition: () => Promise<boolean>): Promise<void> {
  const met = await poll(
    async () => {
      const failed = await failures(parity);
      if (failed.length > 0) throw new Error(failed.join('\n'));
      return condition();
    },
    { withinMs: STREAMING_MS, everyMs: 500, maxEveryMs: 1_000 },
  );
  if (met === undefined) throw new DeadlineError(what, STREAMING_MS);
}

async function failures({ engines }: Parity): Promise<string[]> {
  const found: string[] = [];
  for (const engine of ENGINES) {
    for (const [name, { status }] of Object.entries(await engines.clients[engine].all())) {
      for (const { state, trace } of status.tasks) {
        if (state === 'FAILED') found.push(`${engine} ${name}: ${trace?.split('\n').slice(0, 6).join('\n')}`);
      }
    }
  }
  return found;
}

async function cleanUp(admin: Client, id: string): Promise<void> {
  await dropSlots(admin, id);
  await admin.query(`DROP DATABASE ${id} WITH (FORCE)`);
}
