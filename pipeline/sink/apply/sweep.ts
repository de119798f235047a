import type { ClientBase } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { METADATA_COLUMNS, STATS_TABLE, SWEEPS_TABLE } from '../../contract/sink-tables.ts';
import type { BoundSweep } from '../bind/binder.ts';
import { keyText, NO_VALUES } from '../bind/change.ts';
import { quoteIdentifier } from '../bind/quoting.ts';
import { loadTable, type SinkTable } from '../bind/sink-table.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { Batch } from './batch.ts';
import type { Claim } from './claim.ts';
import { lockTable } from './lock-table.ts';
import type { Folded } from './plan-statements.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { keyParameters } from './row-parameters.ts';
import { deleteSql } from './statements.ts';

/** Rows that are deleted with one statement. */
const ROWS_AT_ONCE = 5_000;

/** What came of a record that ends a snapshot. */
export interface Swept {
  readonly table: string;
  readonly snapshot: string;
  /** Null: other partitions have not come so far. */
  readonly deleted: number | null;
  /** Why nothing was deleted although all partitions have come so far; null: it was. */
  readonly refused: string | null;
}

export interface SweepOptions {
  readonly connector: string;
  readonly config: SinkConfig;
  readonly claim: Claim;
  readonly statements: PreparedStatements;
}

/**
 * Notes that this partition has all rows of a snapshot. When every partition has, deletes the rows with an older position:
 * the snapshot did not see them. Runs in the transaction of the batch, whose rows are written by then. See decision 0020.
 */
export async function sweep(client: ClientBase, bound: BoundSweep, options: SweepOptions): Promise<Swept> {
  const { name, sweep: order } = bound;
  const { connector, claim } = options;
  await lockTable(client, name.qualified, true);
  const own = [connector, claim.topic];
  await client.query(
    `INSERT INTO ${SWEEPS_TABLE} AS s (connector, topic, partition, snapshot, partitions, before)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (connector, topic, partition) DO UPDATE
       SET snapshot = EXCLUDED.snapshot, partitions = EXCLUDED.partitions, before = EXCLUDED.before,
           done_at = NULL, deleted = NULL, refused = NULL`,
    [...own, claim.partition, order.snapshot, order.partitions, order.before],
  );
  const { rows } = await client.query<{ come: number }>(
    // The id alone is not enough: every first snapshot has the same.
    `SELECT count(*)::int AS come FROM ${SWEEPS_TABLE}
      WHERE connector = $1 AND topic = $2 AND snapshot = $3 AND before = $4`,
    [...own, order.snapshot, order.before],
  );
  const said = { table: name.qualified, snapshot: order.snapshot };
  if ((rows[0]?.come ?? 0) < order.partitions) return { ...said, deleted: null, refused: null };
  const refused = await whyNot(client, bound, options);
  const table = refused === null ? await loadTable(client, name) : undefined;
  const deleted = table === undefined ? 0 : await deleteOlder(client, table, bound, options);
  await client.query(
    `UPDATE ${SWEEPS_TABLE} SET done_at = now(), deleted = $4, refused = $5
      WHERE connector = $1 AND topic = $2 AND snapshot = $3`,
    [...own, order.snapshot, deleted, refused],
  );
  return { ...said, deleted, refused };
}

/** Keeps the newest position that went to the dead-letter topic: such a row may be in the sink in an older version. */
export async function noteSetAside(client: ClientBase, connector: string, batch: Batch): Promise<void> {
  const { topic, partition } = batch.claim;
  await client.query(
    `INSERT INTO ${SWEEPS_TABLE} AS s (connector, topic, partition, set_aside) VALUES ($1, $2, $3, $4)
     ON CONFLICT (connector, topic, partition) DO UPDATE SET set_aside = greatest(s.set_aside, EXCLUDED.set_aside)`,
    [connector, topic, partition, batch.setAside],
  );
}

export function logSwept(log: Logger, { table, snapshot, deleted, refused }: Swept): void {
  if (deleted === null) return;
  if (refused === null)
    log.info('rows that a snapshot did not see were deleted', { table, snapshot, deleted });
  else log.error(`rows that a snapshot did not see are left: ${refused}`, { table, snapshot });
}

/** Null if the rows that the snapshot did not see may go. */
async function whyNot(
  client: ClientBase,
  { name, sweep: { before, key } }: BoundSweep,
  { connector, config, claim }: SweepOptions,
): Promise<string | null> {
  if (config.insertMode !== 'upsert' || config.dedup === 'none')
    return 'this sink does not compare positions (insert.mode=upsert, dedup.mode other than none)';
  if (!config.deleteEnabled) return 'delete.enabled is false';
  if (key.length === 0 && config.primaryKeyMode === 'record_key') return 'the table has no key';
  const { rows } = await client.query<{ topic: string }>(
    `SELECT topic FROM ${STATS_TABLE} WHERE table_name = $1 AND topic <> $2 AND applied > 0 LIMIT 1`,
    [name.qualified, claim.topic],
  );
  if (rows[0] !== undefined) return `the table has rows of another topic, ${rows[0].topic}`;
  const { rows: aside } = await client.query(
    `SELECT FROM ${SWEEPS_TABLE} WHERE connector = $1 AND topic = $2 AND set_aside >= $3`,
    [connector, claim.topic, before],
  );
  return aside.length > 0 ? 'records of the snapshot went to the dead-letter topic' : null;
}

/** Deletes what is older, with a tombstone for each key. Rows that the sink did not write have no position, and stay. */
async function deleteOlder(
  client: ClientBase,
  table: SinkTable,
  { sweep: { before, key } }: BoundSweep,
  { config, statements }: SweepOptions,
): Promise<number> {
  const { primaryKeyMode, primaryKeyFields: fields } = config;
  const listed = fields.length === 0 ? key : key.filter((name) => fields.includes(name));
  const keys = primaryKeyMode === 'record_value' ? fields : listed;
  const position = quoteIdentifier(METADATA_COLUMNS.position);
  const texts = keys.map((column, i) => `${quoteIdentifier(column)}::text AS c${i}`);
  await client.query(
    `DECLARE cdc_swept NO SCROLL CURSOR FOR SELECT ${texts.join(', ')} FROM ${table.rows}
      WHERE ${position} < '${before.replaceAll(/[^0-9A-F-]/g, '')}' COLLATE "C" AND ${position} <> ''`,
  );
  let deleted = 0;
  for (;;) {
    const { rows } = await client.query<Record<string, string | null>>(
      `FETCH ${ROWS_AT_ONCE} FROM cdc_swept`,
    );
    if (rows.length === 0) break;
    const dead = rows
      .map((row) => keys.map((_, i) => row[`c${i}`] ?? ''))
      .map((own) => deleteOf(own, justBefore(before)));
    const values = keyParameters(table, keys, dead);
    await statements.run(client, table, { id: 'delete', text: () => deleteSql(table, keys), values });
    deleted += rows.length;
  }
  await client.query('CLOSE cdc_swept');
  return deleted;
}

/**
 * The newest position that is older than a snapshot's. The mark of a deleted row must not outdo a row of the snapshot itself.
 */
function justBefore(position: string): string {
  const [timeline = '', lsn = ''] = position.split('-');
  const earlier = (BigInt(`0x${lsn}`) - 1n).toString(16).toUpperCase().padStart(16, '0');
  return `${timeline}-${earlier}-FFFFFFFF`;
}

function deleteOf(keyValues: readonly string[], position: string): Folded {
  return {
    change: {
      ...{ kind: 'delete', key: keyText(keyValues), keyValues, position, fromSnapshot: false, ...NO_VALUES },
      ...{ op: 'd', lsn: null, sourceTsUs: null, capturedUs: null, index: 0 },
    },
    positions: [position],
  };
}
