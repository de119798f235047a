import { LabError } from '../../../pipeline/contract/errors.ts';
import { SWEEPS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import { topicOf } from '../../../verifier/observe/topic/kafka-view.ts';
import { parseTable } from '../../../verifier/table-id.ts';
import { countRows } from '../../access/captured-tables.ts';
import { UsageError } from '../../errors.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';
import { until } from '../../wait.ts';
import { connectorOf } from './connector.ts';

/** @throws UsageError unless this capture tells of a complete snapshot, and this sink deletes what it did not see. */
export async function mustSweep({ instance }: RecoveryContext, where: string | undefined): Promise<void> {
  if (where !== undefined)
    throw new UsageError(
      '--sweep and --where cannot be combined: the rows that the condition leaves out would be deleted',
      'snapshot the whole table',
    );
  const { source, sink } = instance.engines;
  if (source !== 'ts' || sink !== 'ts')
    throw new UsageError(
      `--sweep needs the lab's own capture and sink, and this pipeline is ${source} → ${sink}`,
      'leave out --sweep; `cdc-lab verify --repair FILE` writes the deletes for `cdc-lab repair apply FILE`',
    );
  const config = await connectorOf(instance, 'sink').workers.config();
  const wanted = { 'insert.mode': 'upsert', 'delete.enabled': 'true' };
  const lacks = Object.entries(wanted).filter(([key, value]) => config[key] !== value);
  if (config['dedup.mode'] === 'none') lacks.push(['dedup.mode', 'lsn']);
  if (lacks.length === 0) return;
  const set = lacks.map(([key, value]) => `${key}=${value}`).join(' ');
  throw new UsageError(
    'the sink cannot sweep: it must upsert, compare positions and have deletes enabled',
    `cdc-lab connectors set sink ${set}`,
  );
}

/** What a sweep would do, as a sentence, with the rows of both sides as they are now. */
export async function sweepPlan({ access }: RecoveryContext, tables: readonly string[]): Promise<string> {
  const [source, sink] = [await countRows(access, 'source', tables), await countRows(access, 'sink', tables)];
  const counts = tables.map((id) => `${id}: ${sink[id]} rows in the sink, ${source[id]} at the source`);
  return `then deletes the rows of the sink that the snapshot did not see (${counts.join('; ')})`;
}

/**
 * Waits until the sink has swept the tables.
 * @returns how many rows it deleted.
 * @throws LabError CDC-5505 if it refused to.
 */
export async function untilSwept(
  { access, instance, withinMs, signal }: RecoveryContext,
  snapshot: string,
  tables: readonly string[],
): Promise<number> {
  const topics = tables.flatMap((id) => {
    const table = parseTable(id);
    return table === undefined ? [] : [topicOf(instance.topicPrefix, table)];
  });
  const swept = async () => {
    const rows = await access.query(
      'sink',
      `SELECT topic, max(deleted)::int8 AS deleted, max(refused) AS refused FROM ${SWEEPS_TABLE}
        WHERE snapshot = $1 AND topic = ANY($2) AND done_at IS NOT NULL GROUP BY topic`,
      [snapshot, topics],
    );
    return rows.length === topics.length ? rows : undefined;
  };
  const rows = await until(swept, { what: 'the sink to sweep', withinMs, everyMs: 100, signal });
  const refused = rows.find((row) => row.refused !== null);
  if (refused === undefined) return rows.reduce((sum, row) => sum + Number(row.deleted), 0);
  throw new LabError(
    'CDC-5505',
    `the sink has not swept ${String(refused.topic)}: ${String(refused.refused)}`,
    {
      remedy: 'correct what it names, and run the command again',
    },
  );
}
