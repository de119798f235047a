import { z } from 'zod';
import type { Logger } from '../../contract/connector.ts';
import { whyNoExpression } from '../../contract/sql-expression.ts';
import type { SignalRow } from '../position/commit-mark.ts';
import type { SnapshotJob, TableProgress } from '../position/source-offset.ts';
import type { TableName } from '../source/sql.ts';
import { newJob } from './snapshot-job.ts';

const snapshotData = z.looseObject({
  'data-collections': z.array(z.string()).min(1),
  type: z.string().optional(),
  /** Ours: the sink deletes the rows that the snapshot does not see. */
  sweep: z.boolean().optional(),
  'additional-conditions': z
    .array(z.looseObject({ 'data-collection': z.string(), filter: z.string() }))
    .optional(),
});
type Conditions = NonNullable<z.infer<typeof snapshotData>['additional-conditions']>;
const stopData = z.looseObject({ 'data-collections': z.array(z.string()).optional() });

/** What a row of the signalling table orders. */
export type SignalOrder =
  | { readonly tag: 'snapshot'; readonly job: SnapshotJob }
  /** Undefined: every table of every incremental snapshot. */
  | { readonly tag: 'stop'; readonly tables: readonly RegExp[] | undefined }
  | { readonly tag: 'none' };

/**
 * Reads a signal as Debezium defines it: `execute-snapshot`, `stop-snapshot`, `log`. An unusable signal is logged as an
 * error and never stops the task: otherwise anyone who may write to the table could stop the pipeline.
 */
export function readSignal(row: SignalRow, captured: readonly TableName[], log: Logger): SignalOrder {
  const refuse = (why: string): SignalOrder => {
    log.error(`Signal ignored: ${why}`, { signal: row.id, type: row.type });
    return { tag: 'none' };
  };
  if (row.id === '') return refuse('it has no id.');
  switch (row.type) {
    case 'execute-snapshot':
      return executeSnapshot(row, captured, refuse);
    case 'stop-snapshot': {
      const data = parse(stopData, row.data ?? '{}');
      if (data === undefined) return refuse('its data is not {"data-collections": […]}.');
      const names = data['data-collections'];
      return { tag: 'stop', tables: names ? expressions(names) : undefined };
    }
    case 'log':
      log.info('Signal.', { signal: row.id, data: row.data });
      return { tag: 'none' };
    default:
      return refuse(`type "${row.type}" is not supported by the TypeScript engine.`);
  }
}

const BAD_SNAPSHOT =
  'its data is not {"data-collections": ["schema.table"], "type": …, ' +
  '"additional-conditions": [{"data-collection": "schema.table", "filter": "id = 1"}], "sweep": true}.';

function executeSnapshot(
  row: SignalRow,
  captured: readonly TableName[],
  refuse: (why: string) => SignalOrder,
): SignalOrder {
  const data = parse(snapshotData, row.data ?? '');
  if (data === undefined) return refuse(BAD_SNAPSHOT);
  const kind = (data.type ?? 'incremental').toLowerCase();
  if (kind !== 'incremental' && kind !== 'blocking') {
    return refuse(`snapshot type "${kind}" is unknown; use incremental or blocking.`);
  }
  for (const key of ['additional-condition', 'surrogate-key']) {
    if (data[key] !== undefined) return refuse(`"${key}" is not supported by the TypeScript engine.`);
  }
  const wanted = expressions(data['data-collections']);
  if (wanted === undefined) return refuse('a data-collection is not a regular expression.');
  const tables = captured.filter((t) =>
    wanted.some((expression) => expression.test(`${t.schema}.${t.table}`)),
  );
  if (tables.length === 0) return refuse(`no captured table matches ${data['data-collections'].join(', ')}.`);
  const { 'additional-conditions': conditions = [], sweep = false } = data;
  if (sweep && conditions.length > 0) {
    return refuse('it is to sweep, but its conditions leave rows out, which would be deleted.');
  }
  const job = newJob(row.id, kind, tables, sweep);
  const filtered = withConditions(job.tables, conditions);
  return typeof filtered === 'string'
    ? refuse(filtered)
    : { tag: 'snapshot', job: { ...job, tables: filtered } };
}

/** The tables with the conditions on their rows, or why there are none: then nothing is read, never all rows. */
function withConditions(tables: readonly TableProgress[], conditions: Conditions): TableProgress[] | string {
  const filters = new Map<TableProgress, string>();
  for (const { 'data-collection': name, filter } of conditions) {
    const why = whyNoExpression(filter);
    if (why !== null) return `the filter of ${name} is not one SQL expression: ${why}.`;
    const expression = expressions([name])?.[0];
    const own = tables.filter((t) => expression?.test(`${t.schema}.${t.table}`));
    if (own.length === 0) return `the condition on ${name} matches no table of the snapshot.`;
    if (own.some((table) => filters.has(table))) return `there are two conditions on ${name}.`;
    for (const table of own) filters.set(table, filter);
  }
  return tables.map((table) => {
    const filter = filters.get(table);
    return filter === undefined ? table : { ...table, filter };
  });
}

/** Undefined if a name is not a regular expression. */
function expressions(names: readonly string[]): RegExp[] | undefined {
  try {
    return names.map((name) => new RegExp(`^(?:${name})$`, 'i'));
  } catch {
    return undefined;
  }
}

function parse<T>(shape: z.ZodType<T>, json: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}
