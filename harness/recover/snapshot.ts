import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { whyNoExpression } from '../../pipeline/contract/sql-expression.ts';
import { topicOf } from '../../verifier/observe/topic/kafka-view.ts';
import { identifiersOf, parseTable } from '../../verifier/table-id.ts';
import { countRows, requestSnapshot, SIGNAL_TABLE, snapshotSignal } from '../access/captured-tables.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { until } from '../wait.ts';
import { connectorOf } from './lib/connector.ts';
import { captured, quoted } from './lib/sink-table.ts';
import { mustSweep, sweepPlan, untilSwept } from './lib/sweep.ts';

const params = z.strictObject({
  tables: z.array(z.string().min(1)).min(1),
  /** A condition on the rows, as SQL; for one table. */
  where: z.string().min(1).optional(),
  blocking: z.boolean().default(false),
  /** Deletes what the sink has and a complete snapshot did not see. */
  sweep: z.boolean().default(false),
});
type Params = z.infer<typeof params>;

export default defineRecovery({
  description: 'have the capture send the rows of tables again, by a row in the signal table',
  params,
  example: { tables: ['customers'], where: "status = 'active'", blocking: false, sweep: false },
  safeWhen: 'the sink upserts by key and position; a sink that inserts gets every row twice',
  loses: 'with --sweep: rows of the sink that are not at the source, whoever wants to keep them',
  undo: 'none is needed: the sink gets the rows that the source has',
  isOneStep: true,

  typed: ({ tables, where, blocking, sweep }) => [
    ...['snapshot', ...tables],
    ...(where === undefined ? [] : ['--where', where]),
    ...(blocking ? ['--blocking'] : []),
    ...(sweep ? ['--sweep'] : []),
  ],

  async plan(context, given) {
    const tables = await mustBeSignalled(context, given);
    const rows = await rowsOf(context, tables, given);
    const sink = await connectorOf(context.instance, 'sink').workers.config();
    const inserts = sink['insert.mode'] !== 'upsert';
    const how = given.blocking ? 'in one go, while the stream waits' : 'in chunks, beside the stream';
    const which = given.where === undefined ? '' : ` where ${given.where}`;
    return {
      does: [
        `sends ${rows} rows of ${tables.join(', ')}${which} again, ${how}`,
        ...(given.sweep ? [await sweepPlan(context, tables)] : []),
      ],
      commands: [insertSql(tables, given)],
      loses: given.sweep
        ? 'Rows of the sink that the source does not have are deleted.'
        : inserts
          ? `This sink inserts a row for each event (insert.mode=${sink['insert.mode'] ?? 'insert'}): every row becomes two.`
          : null,
      undo: null,
    };
  },

  async run(context, given) {
    const tables = await mustBeSignalled(context, given);
    const rows = await rowsOf(context, tables, given);
    const before = await records(context, tables);
    const id = randomUUID();
    await requestSnapshot(context.access, id, kindOf(given), tables, given);
    const lsn = await currentLsn(context);
    await untilRead(context, id, {
      lsn,
      haveArrived: async () => (await records(context, tables)) >= before + rows,
    });
    const added = (await records(context, tables)) - before;
    if (added < rows) throw ignored(context, rows, added);
    const evidence = { signal: id, rowsAtSource: rows, recordsAdded: added };
    const sent = `the capture has sent ${tables.join(', ')} again`;
    if (!given.sweep) return { said: sent, evidence };
    const deleted = await untilSwept(context, id, tables);
    const said = `${sent}, and the sink has deleted ${deleted} rows that the snapshot did not see`;
    return { said, evidence: { ...evidence, deleted } };
  },
});

const kindOf = ({ blocking }: Params) => (blocking ? 'blocking' : 'incremental');

function insertSql(tables: readonly string[], given: Params): string {
  const data = snapshotSignal(kindOf(given), tables, given).replaceAll("'", "''");
  return `INSERT INTO public.${SIGNAL_TABLE} VALUES (gen_random_uuid()::text, 'execute-snapshot', '${data}')`;
}

/**
 * Ids of the tables, each once.
 * @throws UsageError unless the capture reads the signal table, and the condition is one that it accepts, for one table.
 */
async function mustBeSignalled(
  context: RecoveryContext,
  { tables, where, sweep }: Params,
): Promise<string[]> {
  if (sweep) await mustSweep(context, where);
  const ids = [...new Set(await captured(context, tables))];
  const why = where === undefined ? null : whyNoExpression(where);
  if (why !== null)
    throw new UsageError(
      `--where is not one SQL expression: ${why}.`,
      'write one condition, as behind WHERE in SQL, without comments and semicolons',
    );
  if (where !== undefined && ids.length > 1)
    throw new UsageError('--where is for one table', 'snapshot the tables one after the other');
  const signal = (await connectorOf(context.instance, 'capture').workers.config())['signal.data.collection'];
  if (signal === `public.${SIGNAL_TABLE}`) return ids;
  const message =
    signal === undefined
      ? 'the capture has no signal table'
      : `the capture reads signals from ${signal}, not from public.${SIGNAL_TABLE}`;
  const remedy = `cdc-lab connectors set capture signal.data.collection=public.${SIGNAL_TABLE}`;
  throw new UsageError(message, remedy);
}

/** @throws UsageError with what PostgreSQL says of the condition. */
async function rowsOf(context: RecoveryContext, tables: string[], { where }: Params): Promise<number> {
  if (where === undefined) {
    const counts = await countRows(context.access, 'source', tables);
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }
  const name = (identifiersOf(tables[0] ?? '') ?? []).map(quoted).join('.');
  if (context.instance.engines.source === 'ts') await mustBeReadable(context, name, where);
  try {
    const [row] = await context.access.query(
      'source',
      // A parameter makes it a prepared statement, which can be one statement only.
      `SELECT count(*)::int8 AS n FROM ${name} WHERE $1::bool AND (${where})`,
      [true],
    );
    return Number(row?.n ?? 0);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `--where is no condition on ${tables[0]}: ${said}`,
      'write it as behind WHERE in SQL',
    );
  }
}

/**
 * Our capture reads a condition with `search_path=pg_catalog`: a table in a sub-select needs its schema there.
 * @throws UsageError with what PostgreSQL says of it then.
 */
async function mustBeReadable({ access }: RecoveryContext, name: string, where: string): Promise<void> {
  try {
    await access.transaction('source', [
      'SET LOCAL search_path = pg_catalog',
      'SET LOCAL row_security = off',
      `SELECT FROM ${name} WHERE (${where}) LIMIT 0`,
    ]);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `--where is no condition that the capture can read: ${said}`,
      'write the schema before each table and function of yours in it, as in `id IN (SELECT id FROM public.vip)`',
    );
  }
}

/** Records in the topics of these tables. */
async function records({ access, instance }: RecoveryContext, tables: readonly string[]): Promise<number> {
  const ends = await access.endOffsets();
  const topics = tables.flatMap((id) => {
    const table = parseTable(id);
    return table === undefined ? [] : [topicOf(instance.topicPrefix, table)];
  });
  return Number([...new Set(topics)].reduce((sum, topic) => sum + (ends.get(topic) ?? 0n), 0n));
}

async function currentLsn({ access }: RecoveryContext): Promise<string> {
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  return String(row?.lsn);
}

/**
 * Until the signal is confirmed and its snapshot is no longer in the capture's offset. Debezium's offset does not say so:
 * there it is the records.
 */
async function untilRead(
  { access, instance, signal, withinMs }: RecoveryContext,
  id: string,
  { lsn, haveArrived }: { lsn: string; haveArrived: () => Promise<boolean> },
): Promise<void> {
  const isRead = async (): Promise<boolean> => {
    if (instance.engines.source !== 'ts') return haveArrived();
    const [slot] = await access.query(
      'source',
      'SELECT confirmed_flush_lsn >= $2::pg_lsn AS is FROM pg_replication_slots WHERE slot_name = $1',
      [instance.slot, lsn],
    );
    if (slot?.is !== true) return false;
    const [stored] = await access.connectorOffsets('capture');
    return !JSON.stringify(stored?.offset ?? {}).includes(id);
  };
  await until(isRead, { what: 'the snapshot to be read', withinMs, everyMs: 200, signal });
}

function ignored({ withinMs }: RecoveryContext, rows: number, added: number): LabError {
  const message = `the snapshot has sent ${added} records of ${rows} rows within ${withinMs} ms`;
  return new LabError('CDC-5504', message, {
    remedy:
      'cdc-lab connectors says whether the capture runs, and cdc-lab logs capture whether it refused the signal',
  });
}
