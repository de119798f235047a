import { z } from 'zod';
import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { type SinkTable, sinkTableOf } from './lib/sink-table.ts';

const POSITION = METADATA_COLUMNS.position;

export default defineRecovery({
  description: 'keep one row of each key in the sink: the one with the highest position',
  params: z.strictObject({ table: z.string().min(1), addKey: z.boolean().default(false) }),
  example: { table: 'orders', addKey: true },
  safeWhen:
    'the sink is stopped, and each of its rows has all columns: it inserts whole events and updates no row in part',
  loses: 'the older rows of each key',
  undo: 'there is none; the topic still has the events of the deleted rows',
  isOneStep: true,

  typed: ({ table, addKey }) => ['dedupe', table, ...(addKey ? ['--add-key'] : [])],

  async plan(context, { table: given, addKey }) {
    const table = await mustHavePosition(context, given);
    const { surplus, keys } = await countSurplus(context, table);
    const adds = addKey && table.primaryKey.length === 0;
    const key = table.key.join(', ');
    const does = [
      `deletes ${surplus} surplus rows of ${keys} keys from ${table.id} in the sink`,
      ...(adds ? [`makes ${key} the primary key, so that none can come again, and the sink can upsert`] : []),
    ];
    return {
      does: surplus === 0 && !adds ? [`nothing: each key of ${table.id} is there once`] : does,
      commands: surplus === 0 && !adds ? [] : ['BEGIN;', ...statements(table, adds), 'COMMIT;'],
      loses:
        surplus === 0 ? null : `${surplus} rows of ${table.id} are deleted: of each key all but the newest.`,
      undo: null,
    };
  },

  async run(context, { table: given, addKey }) {
    const table = await mustHavePosition(context, given);
    const adds = addKey && table.primaryKey.length === 0;
    const before = await countSurplus(context, table);
    // Several statements in one query are one transaction: all of it, or nothing.
    await context.access.query('sink', statements(table, adds).join(' '));
    const after = await countSurplus(context, table);
    const { primaryKey } = await sinkTableOf(context, given);
    const deleted = before.surplus - after.surplus;
    const said = `deleted ${deleted} surplus rows of ${table.id}; each key is there once`;
    return {
      said:
        after.surplus === 0 ? said : `deleted ${deleted} rows of ${table.id}, and more have come meanwhile`,
      evidence: { table: table.id, deleted, left: after.surplus, primaryKey },
    };
  },
});

/** Nothing is written between the choice of a row and its deletion. */
function statements({ name, key }: SinkTable, addsKey: boolean): string[] {
  return [
    `LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE;`,
    `DELETE FROM ${name} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM (
       SELECT tableoid, ctid, row_number() OVER (
         PARTITION BY ${key.join(', ')} ORDER BY "${POSITION}" COLLATE "C" DESC, ctid DESC) AS place
         FROM ${name}) AS ranked WHERE place > 1);`.replaceAll(/\s+/g, ' '),
    ...(addsKey ? [`ALTER TABLE ${name} ADD PRIMARY KEY (${key.join(', ')});`] : []),
  ];
}

/** @throws UsageError where nothing says which of two rows is the newer one. */
async function mustHavePosition(context: RecoveryContext, given: string): Promise<SinkTable> {
  const table = await sinkTableOf(context, given);
  const [remedy, name] = ['cdc-lab slot recreate or cdc-lab snapshot brings the rows again', table.name];
  if (!table.hasPosition) {
    const message = `${table.id} has no ${POSITION} in the sink: nothing says which of two rows is the newer one.`;
    throw new UsageError(message, `empty the table, and have it filled again: ${remedy}`);
  }
  const [unplaced] = await context.access.query(
    'sink',
    `SELECT count(*)::int8 AS n FROM ${name} WHERE "${POSITION}" IS NULL`,
  );
  if (Number(unplaced?.n ?? 0) === 0) return table;
  const message = `${unplaced?.n} rows of ${table.id} have no position in the sink: they were not written by events.`;
  throw new UsageError(message, 'look at them first: who wrote them?');
}

async function countSurplus(
  { access }: RecoveryContext,
  { name, key }: SinkTable,
): Promise<{ surplus: number; keys: number }> {
  const [row] = await access.query(
    'sink',
    `SELECT coalesce(sum(n - 1), 0)::int8 AS surplus, count(*)::int8 AS keys
       FROM (SELECT count(*) AS n FROM ${name} GROUP BY ${key.join(', ')} HAVING count(*) > 1) AS repeated`,
  );
  return { surplus: Number(row?.surplus ?? 0), keys: Number(row?.keys ?? 0) };
}
